package meshgen

const text = `
{{- define "mesh" -}}
apiVersion: v1
kind: Namespace
metadata:
  name: istio-system
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: istio
  namespace: istio-system
data:
  mesh: |
    accessLogFile: /dev/stdout
    defaultConfig:
      holdApplicationUntilProxyStarts: true
---
apiVersion: v1
kind: Service
metadata:
  name: istio-ingressgateway
  namespace: istio-system
  labels:
    istio: ingressgateway
spec:
  type: LoadBalancer
  clusterIP: 172.16.0.10
  selector:
    istio: ingressgateway
  ports:
  - name: http
    port: 80
    targetPort: 8080
  - name: https
    port: 443
    targetPort: 8443
---
apiVersion: v1
kind: Pod
metadata:
  name: istio-ingressgateway-0
  namespace: istio-system
  labels:
    istio: ingressgateway
spec:
  serviceAccountName: istio-ingressgateway
  containers:
  - name: istio-proxy
    image: registry.example.com/proxy:1.40.0
    args:
    - proxy
    - router
    ports:
    - containerPort: 8080
    - containerPort: 8443
status:
  phase: Running
  podIP: 10.0.0.10
  podIPs:
  - ip: 10.0.0.10
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: edge
  namespace: istio-system
spec:
  selector:
    istio: ingressgateway
  servers:
  - hosts:
    - "*.shop.example"
    port:
      name: http
      number: 80
      protocol: HTTP
    tls:
      httpsRedirect: true
  - hosts:
    - "*.shop.example"
    port:
      name: https
      number: 443
      protocol: HTTPS
    tls:
      mode: SIMPLE
      credentialName: edge
---
apiVersion: v1
kind: Secret
metadata:
  name: edge
  namespace: istio-system
type: kubernetes.io/tls
data:
  tls.crt: {{.Certificate}}
  tls.key: {{.Key}}
{{ end -}}

{{- define "namespace" -}}
apiVersion: v1
kind: Namespace
metadata:
  name: {{.Namespace}}
  labels:
    istio-injection: enabled
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: {{.Namespace}}
spec:
  egress:
  - hosts:
    - ./*
    - istio-system/*
    - {{.Next}}/*
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: edge
  namespace: {{.Namespace}}
spec:
  hosts:
  - {{.Namespace}}.shop.example
  gateways:
  - istio-system/edge
  http:
  - route:
    - destination:
        host: {{.First}}
        subset: v1
        port:
          number: 8080
{{ end -}}

{{- define "service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{.Name}}
  namespace: {{.Namespace}}
  labels:
    app: {{.Name}}
spec:
  clusterIP: {{.Virtual}}
  selector:
    app: {{.Name}}
  ports:
  - name: http
    port: 8080
    targetPort: 8080
  - name: grpc-admin
    port: 9000
    targetPort: 9000
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{.Name}}
  namespace: {{.Namespace}}
  labels:
    app: {{.Name}}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {{.Name}}
      version: v1
  template:
    metadata:
      labels:
        app: {{.Name}}
        version: v1
    spec:
      serviceAccountName: {{.Name}}
      containers:
      - name: server
        image: registry.example.com/{{.Name}}:1.4.2
        ports:
        - containerPort: 8080
        - containerPort: 9000
        readinessProbe:
          httpGet:
            path: /healthz
            port: 8080
        resources:
          requests:
            cpu: 100m
            memory: 128Mi
---
apiVersion: v1
kind: Pod
metadata:
  name: {{.Name}}-v2-0
  namespace: {{.Namespace}}
  labels:
    app: {{.Name}}
    version: v2
spec:
  serviceAccountName: {{.Name}}
  initContainers:
  - name: istio-proxy
    image: registry.example.com/proxy:1.40.0
    restartPolicy: Always
  containers:
  - name: server
    image: registry.example.com/{{.Name}}:1.5.0
    ports:
    - containerPort: 8080
    - containerPort: 9000
status:
  phase: Running
  podIP: {{.Address}}
  podIPs:
  - ip: {{.Address}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: {{.Name}}
  namespace: {{.Namespace}}
spec:
  hosts:
  - {{.Name}}
  http:
  - name: canary
    match:
    - headers:
        x-canary:
          exact: "true"
    route:
    - destination:
        host: {{.Name}}
        subset: v2
        port:
          number: 8080
  - name: admin
    match:
    - uri:
        prefix: /admin/
    timeout: 8s
    retries:
      attempts: 2
      perTryTimeout: 2s
      retryOn: connect-failure,refused-stream
    route:
    - destination:
        host: {{.Name}}
        subset: v1
        port:
          number: 9000
  - name: default
    route:
    - destination:
        host: {{.Name}}
        subset: v1
        port:
          number: 8080
      weight: 90
    - destination:
        host: {{.Name}}
        subset: v2
        port:
          number: 8080
      weight: 10
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {{.Name}}
  namespace: {{.Namespace}}
spec:
  host: {{.Name}}
  trafficPolicy:
    connectionPool:
      tcp:
        maxConnections: 200
        connectTimeout: 5s
      http:
        http2MaxRequests: 1000
    outlierDetection:
      consecutive5xxErrors: 7
      interval: 30s
      baseEjectionTime: 60s
  subsets:
  - name: v1
    labels:
      version: v1
  - name: v2
    labels:
      version: v2
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: {{.Name}}
  namespace: {{.Namespace}}
spec:
  selector:
    matchLabels:
      app: {{.Name}}
  mtls:
    mode: STRICT
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata:
  name: {{.Name}}
  namespace: {{.Namespace}}
spec:
  selector:
    matchLabels:
      app: {{.Name}}
  jwtRules:
  - issuer: https://login.example.com/{{.Namespace}}
    jwks: '{"keys":[]}'
    forwardOriginalToken: true
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {{.Name}}
  namespace: {{.Namespace}}
spec:
  selector:
    matchLabels:
      app: {{.Name}}
  action: ALLOW
  rules:
  - from:
    - source:
        principals:
        - cluster.local/ns/{{.Caller}}
    to:
    - operation:
        methods:
        - GET
        - POST
        paths:
        - /api/*
        - /admin/*
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: {{.Name}}-partner
  namespace: {{.Namespace}}
spec:
  hosts:
  - partner-{{.Index}}.example.com
  location: MESH_EXTERNAL
  resolution: DNS
  exportTo:
  - .
  ports:
  - number: 443
    name: tls
    protocol: TLS
{{ end -}}
`

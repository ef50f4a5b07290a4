package xds

import (
	"fmt"
	"slices"
)

// features are objects that tell proxies of one namespace apart or reach across namespaces, each in several forms.
func features() []string { return slices.Concat(clientFeatures(), edgeFeatures(), entryFeatures()) }

// forms are what an object may be, one for each of a list's texts.
type forms []string

func (f *forms) add(format string, list ...any) {
	for _, v := range list {
		*f = append(*f, fmt.Sprintf(format, v))
	}
}

// clientFeatures are DestinationRules and Sidecars.
func clientFeatures() (out forms) {
	out.add(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: all, namespace: istio-system}
spec: {host: "*.svc.cluster.local", trafficPolicy: %s}`,
		"{connectionPool: {tcp: {maxConnections: 7}}}", "{portLevelSettings: [{port: {number: 80}, connectionPool: {tcp: {maxConnections: 8}}}]}",
		"{loadBalancer: {localityLbSetting: {enabled: true, failoverPriority: [topology.kubernetes.io/zone, version]}}, outlierDetection: {interval: 1s}}")
	out.add(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mine, namespace: a}
spec: {host: web.b.svc.cluster.local, workloadSelector: {matchLabels: {app: web}}, trafficPolicy: {tls: %s}}`,
		"{mode: SIMPLE, credentialName: cred}", "{mode: SIMPLE, credentialName: other}", "{mode: DISABLE}")
	out.add(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: proxy, namespace: b}
spec: {host: ext.example.com, trafficPolicy: {tunnel: {protocol: CONNECT, targetHost: %s, targetPort: 443}}, subsets: [{name: v1}]}`,
		"api.a.svc.cluster.local", "elsewhere.example.com")
	out.add(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: own, namespace: a}
spec:
  workloadSelector: {labels: {app: web}}
  %s`,
		"ingress: [{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: 127.0.0.1:9000, connectionPool: {http: {http2MaxRequests: 3}}}]",
		"ingress: [{port: {number: 9999, protocol: TCP, name: tcp}, captureMode: NONE, bind: 127.0.0.1}]",
		"inboundConnectionPool: {tcp: {maxConnections: 9}}",
		`outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: api.a.svc.cluster.local, port: {number: 80}}}`,
		`egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: ["./web.a.svc.cluster.local"]}, {hosts: ["b/*"]}]`)
	return out
}

// edgeFeatures are what gateways do.
func edgeFeatures() (out forms) {
	for _, host := range []string{"web.a.svc.cluster.local", "*.b.svc.cluster.local"} {
		out.add(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: a}
spec: {selector: {app: gateway}, servers: [{port: {number: 443, name: tls, protocol: TLS}, hosts: ["`+host+`"], tls: %s}]}`,
			"{mode: AUTO_PASSTHROUGH}", "{mode: PASSTHROUGH}", "{mode: MUTUAL, credentialName: cred}")
	}
	out.add(`
apiVersion: v1
kind: Secret
metadata: {name: cred, namespace: a}
data: {%s}`, "tls.crt: eA==", "cacert: eA==")
	out.add(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: sni, namespace: b}
spec: {hosts: [%[1]s], gateways: [mesh, a/gw], tls: [{match: [{port: 443, sniHosts: [%[1]s]}], route: [{destination: {host: ext.example.com, subset: v1}}]}]}`,
		"ext.example.com", "web.a.svc.cluster.local")
	out.add(`
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: edge, namespace: a}
spec:
  workloadSelector: {labels: {app: gateway}}
  configPatches:
  - {applyTo: CLUSTER, patch: {operation: ADD, value: {name: "outbound|80||web.a.svc.cluster.local", type: STATIC}}}
  - {applyTo: LISTENER, patch: {operation: ADD, value: {name: more, address: {socket_address: {address: 0.0.0.0, port_value: %d}}, filter_chains: [{filters: [{name: echo, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]}]}}}
  - {applyTo: HTTP_ROUTE, match: {routeConfiguration: {gateway: a/gw}}, patch: {operation: INSERT_FIRST, value: {match: {prefix: /new}, direct_response: {status: 204}}}}`, 80, 8443)
	return out
}

// entryFeatures are ServiceEntries.
func entryFeatures() (out forms) {
	for _, resolution := range []string{"NONE", "DNS_ROUND_ROBIN", "DNS"} {
		out.add(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ext, namespace: b}
spec: {hosts: [ext.example.com, web.a.svc.cluster.local], exportTo: ["%s"], location: MESH_EXTERNAL, resolution: `+resolution+`, ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: tcp, protocol: TCP}]}`, "*", ".")
	}
	out.add(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: a}
spec: {hosts: ["*.example.com"], addresses: [%s], location: MESH_EXTERNAL, resolution: NONE, ports: [{number: 443, name: tls, protocol: TLS}]}`, "192.0.2.0/24", "198.51.100.1")
	out.add(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: picked, namespace: a}
spec: {hosts: [picked.example.com], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {labels: {app: %s}}, subjectAltNames: [spiffe://x], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]}`, "web", "db")
	return out
}

package main

func plants() []plant {
	return slicesOf(plantedRoutes(), plantedDestinations(), plantedWorkloads(), plantedPolicies(), plantedDocuments())
}

func slicesOf(lists ...[]plant) (all []plant) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func plantedDocuments() []plant {
	return []plant{
		{"timeout: 8s", "timeot: 8s", []string{"MSH0003 VirtualService NAME"}},
		{"timeout: 8s", "timeout: eight", []string{"IST0106 VirtualService NAME"}},
		{"weight: 90", "weight: 90%", []string{"IST0106 VirtualService NAME"}},
		{"", "apiVersion: networking.istio.io/v1\nkind: VirtualServise\nmetadata: {name: NAME-x, namespace: NAMESPACE}\n", []string{"MSH0004"}},
		{"", "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: NAME, namespace: NAMESPACE}\nspec: {host: NAME, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}\n",
			[]string{"MSH0002 DestinationRule NAME"}},
		{"consecutive5xxErrors: 7", "consecutiveErrors: 7", []string{"IST0002 DestinationRule NAME"}},
	}
}

func plantedRoutes() []plant {
	return []plant{
		{"subset: v2", "subset: v3", []string{"IST0101 VirtualService NAME"}},
		{"host: NAME\n        subset: v1\n        port:\n          number: 9000", "host: NAME-gone\n        port:\n          number: 9000", []string{"IST0101 VirtualService NAME"}},
		{"  hosts:\n  - NAME\n  http", "  gateways:\n  - edge\n  hosts:\n  - NAME\n  http", []string{"IST0101 VirtualService NAME", "IST0132 VirtualService NAME"}},
		{"", "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: NAME-2, namespace: NAMESPACE}\nspec: {hosts: [NAME], http: [{route: [{destination: {host: NAME, port: {number: 8080}}}]}]}\n",
			[]string{"IST0109 VirtualService NAME", "IST0109 VirtualService NAME-2"}},
		{"        subset: v2\n        port:\n          number: 8080\n      weight: 10", "        subset: v2\n      weight: 10", []string{"IST0112 VirtualService NAME"}},
		{"- name: canary\n    match:", "- name: admins\n    match:\n    - uri:\n        prefix: /admin/\n    route:\n    - destination:\n        host: NAME\n        port:\n          number: 9000\n  - name: canary\n    match:",
			[]string{"IST0130 VirtualService NAME", "IST0131 VirtualService NAME"}},
		{"        prefix: /admin/", "        prefix: /admin/\n    - uri:\n        prefix: /admin/users", []string{"IST0131 VirtualService NAME"}},
		{"  - name: admin\n    match:\n    - uri:\n        prefix: /admin/\n", "  - name: admin\n", []string{"IST0130 VirtualService NAME"}},
		{"weight: 90", "weight: 80", []string{"MSH0401 VirtualService NAME"}},
		{"    timeout: 8s", "    timeout: 3s", []string{"MSH0404 VirtualService NAME"}},
	}
}

func plantedDestinations() []plant {
	return []plant{
		{"  - name: v2\n    labels:\n      version: v2", "  - name: v2\n    labels:\n      version: v9", []string{"IST0173 DestinationRule NAME"}},
		{"", "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: NAME-gone, namespace: NAMESPACE}\nspec: {host: NAME-gone}\n", []string{"IST0174 DestinationRule NAME-gone"}},
		{"", "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: NAME-partner, namespace: NAMESPACE}\nspec: {host: \"*.example.com\", trafficPolicy: {tls: {mode: SIMPLE}}}\n", []string{"IST0128 DestinationRule NAME-partner"}},
		{"  trafficPolicy:\n", "  trafficPolicy:\n    tls:\n      mode: DISABLE\n", []string{"MSH0411 DestinationRule NAME"}},
	}
}

func plantedWorkloads() []plant {
	return []plant{
		{"  - name: http\n", "  - name: web\n", []string{"IST0118 Service NAME"}},
		{"containerPort: 9000", "containerPort: 15001", []string{"MSH0431 Deployment NAME"}},
		{"  initContainers:\n  - name: istio-proxy\n    image: registry.example.com/proxy:1.40.0\n    restartPolicy: Always\n", "", []string{"IST0103 Pod NAME-v2-0"}},
		{"kind: Pod\nmetadata:\n", "kind: Pod\nmetadata:\n  annotations:\n    sidecar.istio.io/unheard-of: \"true\"\n", []string{"IST0108 Pod NAME-v2-0"}},
		{"      serviceAccountName: NAME\n", "      serviceAccountName: NAME\n      securityContext:\n        runAsUser: 1337\n", []string{"IST0144 Deployment NAME"}},
	}
}

func plantedPolicies() []plant {
	return []plant{
		{"", "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: NAME-gone, namespace: NAMESPACE}\nspec: {selector: {matchLabels: {app: NAME-gone}}, action: DENY, rules: [{to: [{operation: {paths: [/x], ports: [\"8080\"]}}]}]}\n",
			[]string{"IST0127 AuthorizationPolicy NAME-gone"}},
		{"", "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: NAME, namespace: NAMESPACE}\nspec: {selector: {matchLabels: {app: NAME}}, accessLogging: [{providers: [{name: envoy}], filter: {expression: \"response.code >\"}}]}\n",
			[]string{"MSH0506 Telemetry NAME"}},
	}
}

package xds

import "fmt"

// gatewayAPI are objects of the APIs that are converted, each in several forms.
func gatewayAPI() []string {
	var out []string
	add := func(format string, list ...any) {
		for _, v := range list {
			out = append(out, fmt.Sprintf(format, v))
		}
	}
	add(`
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: a}
spec: {selector: {app: gateway}, ports: [{name: http, port: 80, targetPort: %d}]}`, 8080, 80)
	add(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: a}
spec: {gatewayClassName: istio, addresses: [{type: Hostname, value: ingress.a}], listeners: [{name: http, protocol: HTTP, port: %d, allowedRoutes: {namespaces: {from: All}}}]}`, 80, 81)
	add(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: b}
spec: {parentRefs: [{name: edge, namespace: a}, {kind: Service, group: "", name: web}], rules: [{matches: [{path: {value: /x}}], backendRefs: [{name: %s, port: 80}, {name: db, port: 80, weight: 2}]}]}`, "api", "web", "missing")
	add(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: more, namespace: a}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: web, namespace: b, port: %d}]}]}`, 80, 8080)
	add(`
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: grant, namespace: b}
spec: {from: [{group: gateway.networking.k8s.io, kind: %s, namespace: a}], to: [{group: "", kind: Service}]}`, "HTTPRoute", "TCPRoute")
	add(`
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: split, namespace: a}
spec: {service: api, backends: [{service: web, weight: 1}, {service: db, weight: %d}]}`, 1, 3)
	add(`
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: {name: target, namespace: a}
spec: {destination: {kind: ServiceAccount, name: %s}, sources: [{kind: ServiceAccount, name: other}]}`, "default", "other")
	return out
}

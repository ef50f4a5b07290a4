package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// layout says where everything of the generated mesh is.
type layout struct {
	Services, Endpoints, Namespaces, Ports int
}

func (l layout) name(service int) string      { return fmt.Sprintf("svc-%d", service) }
func (l layout) namespace(service int) string { return fmt.Sprintf("ns-%d", service%l.Namespaces) }
func (l layout) port(service int) int         { return 8000 + service/l.Namespaces%l.Ports }

func (l layout) host(service int) string {
	return l.name(service) + "." + l.namespace(service) + ".svc.cluster.local"
}

// ip of an endpoint of a service: 10.16.0.0/12 and up, distinct for all.
func (l layout) ip(service, endpoint int) string {
	n := service*l.Endpoints + endpoint
	return fmt.Sprintf("10.%d.%d.%d", 16+n/(250*250), n/250%250, 1+n%250)
}

func (l layout) virtualIP(service int) string {
	return fmt.Sprintf("172.%d.%d.%d", 16+service/(250*250), service/250%250, 1+service%250)
}

// write writes the whole mesh: three files a service, and mesh-wide strict mutual TLS.
func (l layout) write(dir string) error {
	strict := "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: istio-system}\nspec: {mtls: {mode: STRICT}}\n"
	if err := os.WriteFile(filepath.Join(dir, "mtls.yaml"), []byte(strict), 0o600); err != nil {
		return err
	}
	for i := range l.Services {
		for kind, text := range map[string]string{"service": l.service(i, ""), "route": l.route(i, 50), "rule": l.rule(i)} {
			if err := os.WriteFile(l.file(dir, kind, i), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l layout) file(dir, kind string, service int) string {
	return filepath.Join(dir, fmt.Sprintf("%s-%s.yaml", l.name(service), kind))
}

// service is the Service and its endpoints; the first of them has the address moved when that is given.
func (l layout) service(i int, moved string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  clusterIP: %[3]s
  selector: {app: %[1]s}
  ports: [{name: http, port: %[4]d, targetPort: 8080}]
`, l.name(i), l.namespace(i), l.virtualIP(i), l.port(i))
	for e := range l.Endpoints {
		ip := l.ip(i, e)
		if e == 0 && moved != "" {
			ip = moved
		}
		fmt.Fprintf(&b, `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: %[1]s-%[3]d, namespace: %[2]s}
spec:
  address: %[4]s
  serviceAccount: %[1]s
  labels: {app: %[1]s, version: v%[5]d, security.istio.io/tlsMode: istio}
`, l.name(i), l.namespace(i), e, ip, 1+e%2)
	}
	return b.String()
}

// route is a VirtualService of three routes, the last of which splits its traffic: weight percent to v1.
func (l layout) route(i, weight int) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  hosts: [%[3]s]
  http:
  - match: [{uri: {prefix: /v1/}, headers: {x-group: {exact: canary}}}]
    route: [{destination: {host: %[3]s, subset: v2}}]
    timeout: 5s
  - match: [{uri: {prefix: /v1/}}]
    route: [{destination: {host: %[3]s, subset: v1}}]
    retries: {attempts: 2, perTryTimeout: 2s, retryOn: 5xx}
  - route:
    - {destination: {host: %[3]s, subset: v1}, weight: %[4]d}
    - {destination: {host: %[3]s, subset: v2}, weight: %[5]d}
`, l.name(i), l.namespace(i), l.host(i), weight, 100-weight)
}

func (l layout) rule(i int) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  host: %[3]s
  trafficPolicy:
    connectionPool: {http: {http2MaxRequests: 1000}}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
`, l.name(i), l.namespace(i), l.host(i))
}

// replace changes a file as an editor does: a complete new file takes the place of the old one at once.
func replace(path, text string) error {
	temporary := filepath.Join(filepath.Dir(path), ".new-"+filepath.Base(path)+"~")
	if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// Package gateways_test sends traffic through live gateways: into the mesh with every kind of TLS, out of it through egress gateways, and to
// what ServiceEntries declare.
package gateways_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// webService is what the Programs behind workloads with app=web are to the mesh.
const webService = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}, {name: grpc, port: 9000}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}, {name: V2, labels: {version: v2}}]}
`

// start runs a Program behind a sidecar with app=web.
func start(m *meshtest.Mesh, version string) {
	o := meshtest.Sidecar("web-"+version, "app=web", "version="+version)
	o.Ports = meshtest.StartProgram(m.T(), "web-"+version).Ports()
	m.Start(o)
}

// document is an object of a namespace; spec is YAML in flow style.
func document(kind, namespace, name, spec string) string {
	return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: %s\nmetadata: {name: %s, namespace: %s}\nspec: %s\n", kind, name, namespace, spec)
}

// secret is a Secret where gateways look for it.
func secret(name string, data map[string][]byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: istio-system}\ndata:\n", name)
	for _, k := range slices.Sorted(maps.Keys(data)) {
		fmt.Fprintf(&b, "  %s: %s\n", k, base64.StdEncoding.EncodeToString(data[k]))
	}
	return b.String()
}

// told wants a problem with all parts in its message.
func told(t *testing.T, m *meshtest.Mesh, parts ...string) {
	t.Helper()
	if m.Problem(parts...) == "" {
		t.Errorf("nobody says %q: %v", parts, m.Plane.Status().Problems)
	}
}

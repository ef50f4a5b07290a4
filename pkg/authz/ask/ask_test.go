package ask

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/authz"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const shop = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp-admin, port: 9000}, {name: other, port: 7000}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-1, namespace: shop}
spec: {address: 10.0.0.1, labels: {app: web, version: v1}, serviceAccount: web}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-2, namespace: shop}
spec: {address: 10.0.0.2, labels: {app: web, version: v2}, serviceAccount: web}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec: {selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {serviceAccountName: carts}}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: edge, namespace: shop}
spec: {address: 10.0.0.3, labels: {istio: edge}, serviceAccount: edge}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec: {selector: {istio: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: carts, namespace: shop}
spec:
  selector: {matchLabels: {version: v1}}
  rules:
  - from: [{source: {serviceAccounts: [carts]}}]
`

func snapshot() *mesh.Snapshot {
	objects, _ := config.Decode("shop.yaml", strings.NewReader(shop))
	return mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), mesh.Options{})
}

func TestAnswer(t *testing.T) {
	s := snapshot()
	for _, c := range []struct {
		name  string
		query Query
		want  string // "WORKLOAD PORT PROTOCOL VERDICT" of each
	}{
		{"by name", Query{From: "cart.shop", To: "web-1.shop", Port: 8080, Method: "GET", Path: "/"}, "web-1.shop 8080 HTTP ALLOWED"},
		{"by kind", Query{From: "shop/carts", To: "workloadentry/web-1", Namespace: "shop", Port: 80, Method: "GET", Path: "/"}, "web-1.shop 8080 HTTP ALLOWED"},
		{"by app", Query{From: "shop/nobody", To: "web", Namespace: "shop", Port: 8080, Method: "GET", Path: "/"}, "web-1.shop 8080 HTTP DENIED, web-2.shop 8080 HTTP ALLOWED"},
		{"by identity", Query{From: "cluster.local/ns/shop/sa/carts", To: "web-1.shop", Port: 9000}, "web-1.shop 9000 TCP ALLOWED"},
		{"HTTP port without a request", Query{From: "spiffe://cluster.local/ns/shop/sa/carts", To: "web-1.shop", Port: 8080}, "web-1.shop 8080 HTTP ALLOWED"},
		{"request to a TCP port", Query{From: "shop/carts", To: "web-1.shop", Port: 9000, Method: "GET", Path: "/"}, "web-1.shop 9000 TCP ALLOWED"},
		{"request to a port without a protocol", Query{From: "shop/carts", To: "web-1.shop", Port: 7000, Method: "GET", Path: "/"}, "web-1.shop 7000 HTTP ALLOWED"},
		{"plaintext", Query{From: "cart.shop", Plaintext: true, To: "web-1.shop", Port: 9000}, "web-1.shop 9000 TCP DENIED"},
		{"somebody", Query{To: "web-2.shop", Port: 9000}, "web-2.shop 9000 TCP DENIED"},
		{"gateway", Query{To: "edge.shop", Method: "GET", Path: "/"}, "edge.shop 0 HTTP ALLOWED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reports, err := Answer(s, c.query, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range reports {
				got = append(got, fmt.Sprintf("%s %d %s %s", r.Workload, r.Port, r.Protocol, r.Verdict))
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %s, want %s", strings.Join(got, ", "), c.want)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	reports, err := Answer(snapshot(), Query{From: "shop/nobody", To: "web-1.shop", Port: 8080}, time.Time{})
	if err != nil || len(reports) != 1 {
		t.Fatal(reports, err)
	}
	r := reports[0]
	if r.Verdict != authz.Denied || r.Nearest == nil || r.Nearest.String() != "shop.yaml:43:5" || r.Nearest.Unmet[0].String() != "shop.yaml:43:39" {
		t.Errorf("%s", fmt.Sprint(r.Nearest, r.Nearest.Unmet[0].String()))
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	s := snapshot()
	for want, q := range map[string]Query{
		"did you mean":                    {To: "web"},
		"no kind of workload":             {To: "service/web"},
		"is neither a workload":           {To: "web-1.shop", From: "a/b/c"},
		"has 3 ports (7000, 8080, 9000)":  {To: "web-1.shop", From: "shop/carts"},
		"is not an IP address":            {To: "web-1.shop", Port: 8080, SourceIP: "x"},
		"is not between":                  {To: "web-1.shop", Port: 70000},
		"say which workload":              {},
		`no workload "nobody" in namespa`: {To: "web-1.shop", From: "nobody"},
	} {
		_, err := Answer(s, q, time.Time{})
		var input *InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", q, err, want)
		}
	}
}

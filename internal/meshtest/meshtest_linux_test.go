package meshtest_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const web = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.99.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}, {name: grpc, port: 9000}]}
`

const headers = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec: {hosts: [web], http: [{headers: {request: {set: {x-a: b}}}, route: [{destination: {host: web}}]}]}
`

func TestBothModes(t *testing.T) {
	members := []meshtest.Member{{Options: meshtest.Sidecar("web"), Serves: true}, {Options: meshtest.Sidecar("client")}}
	meshtest.BothModes(t, map[string]string{"web.yaml": web}, members, func(t *testing.T, m *meshtest.Traffic) {
		m.Expect("client", "http://web/x?y=z", 200, "web GET /x?y=z\nhost: web\n")
		a := m.Get("client", "http://web/", "x-answer=418", "x-answer-header=x-b=c", "x-answer-after=1ms")
		if a.Status != 418 || a.Header.Get("x-b") != "c" || a.Echo.Program != "web" || a.Echo.Header.Get("x-answer") != "418" {
			t.Errorf("answer %+v", a)
		}
		conn, err := m.Dial("client", "web", 7000)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if name, err := meshtest.Greeting(conn); err != nil || name != "web" {
			t.Errorf("greeted by %q: %v", name, err)
		}
		m.Case("headers", headers, func(t *testing.T) {
			a := m.Expect("client", "http://web/", 200, "x-a: b\n")
			if got := a.Echo.Header.Get("x-a"); got != "b" {
				t.Errorf("x-a is %q", got)
			}
			if n := m.Member("client").Stat("cluster.outbound|80||web.default.svc.cluster.local.upstream_rq_200"); n == 0 {
				t.Error("envoy counts no request")
			}
		})
		m.Case("a problem", strings.Replace(headers, "web}}]", "gone}}]", 1), func(t *testing.T) {
			if m.Problem("gone") == "" {
				t.Errorf("nobody says what is wrong: %v", m.Plane.Status().Problems)
			}
		})
	})
}

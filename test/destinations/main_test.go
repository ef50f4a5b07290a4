// Package destinations_test shows with live Envoys what DestinationRules, Sidecars, WorkloadGroups and WorkloadEntries do to traffic.
package destinations_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const server = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec:
  clusterIP: 10.99.0.1
  selector: {app: server}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: http2, port: 81, targetPort: 8080}
  - {name: tcp, port: 7000}
`

// suite is a mesh with a client in region r1 and the servers a, b and c in the regions r1, r2 and r3.
type suite struct {
	*meshtest.Mesh
	client   *meshtest.Workload
	servers  map[string]*meshtest.Workload
	programs map[string]*meshtest.Program
}

func newSuite(t *testing.T) *suite {
	s := &suite{Mesh: meshtest.New(t, map[string]string{"server.yaml": server}), programs: map[string]*meshtest.Program{}, servers: map[string]*meshtest.Workload{}}
	for i, name := range []string{"a", "b", "c"} {
		o := meshtest.Sidecar(name, "app=server", "version="+name, fmt.Sprintf("rack=%d", i+1))
		s.programs[name] = meshtest.StartProgram(t, name)
		o.ServiceAccount, o.Ports, o.Locality = "server", s.programs[name].Ports(), fmt.Sprintf("r%d/z1/s1", i+1)
		o.Network = fmt.Sprintf("n%d", i+1)
		s.servers[name] = s.Start(o)
	}
	o := meshtest.Sidecar("client", "app=client", "rack=2")
	o.Locality, o.Network = "r1/z1/s1", "n3"
	s.client = s.Start(o)
	s.Settle()
	return s
}

// rule is a DestinationRule for a host of namespace default with a traffic policy.
func rule(host, policy string) string {
	return "\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: " + strings.ReplaceAll(host, ".", "-") + ", namespace: default}\n" +
		"spec: {host: " + host + ", trafficPolicy: " + policy + "}\n"
}

// with runs a case with a policy for the server.
func (s *suite) with(name, policy string, test func(t *testing.T)) {
	s.Case(name, rule("server", policy), test)
}

// who answers n requests to the server, by name; a request without an answer of a program counts under its status.
func (s *suite) who(t *testing.T, n int, headers ...string) map[string]int {
	t.Helper()
	return who(t, s.client.Client(), "http://server/", n, headers...)
}

func who(t *testing.T, client *http.Client, url string, n int, headers ...string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for range n {
		a, err := meshtest.Try(client, meshtest.Request{URL: url, Headers: headers})
		switch {
		case err != nil:
			out[err.Error()]++
		case a.Echo.Program != "" && a.Status == http.StatusOK:
			out[a.Echo.Program]++
		default:
			out[fmt.Sprint(a.Status)]++
		}
	}
	return out
}

// only wants every one of the requests that follow to be answered by one of the names, each of which does, once that holds for a while.
func (s *suite) only(t *testing.T, names []string, headers ...string) {
	t.Helper()
	envoytest.Eventually(t, fmt.Sprint(names), func() error { return onlyNames(s.who(t, 12, headers...), names) })
}

func onlyNames(got map[string]int, names []string) error {
	for name := range got {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%v, want %v", got, names)
		}
	}
	if len(got) != len(names) {
		return fmt.Errorf("%v, want %v", got, names)
	}
	return nil
}

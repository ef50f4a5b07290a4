package mesh

import (
	"slices"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

// decode reads objects from YAML; a problem in the text fails the test.
func decode(t testing.TB, text string) []*config.Object {
	t.Helper()
	objects, problems := config.Decode("test.yaml", strings.NewReader(text))
	for _, p := range problems {
		t.Fatalf("the test's own YAML: %v", p)
	}
	return objects
}

// build resolves YAML.
func build(t testing.TB, text string) *Snapshot {
	t.Helper()
	return Build(config.Set{}.With(config.Batch{Full: true, Upserts: decode(t, text)}), Options{})
}

// sidecarIn is a sidecar of a namespace with labels "k=v".
func sidecarIn(namespace string, labels ...string) Proxy {
	p := Proxy{ID: "sidecar~10.9.9.9~p." + namespace + "~" + namespace + ".svc.cluster.local", Name: "p", Namespace: namespace, Labels: map[string]string{}}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		p.Labels[k] = v
	}
	return p
}

func scopeOf(s *Snapshot, p Proxy) *Scope { return s.Scope(s.ScopeKey(p), p) }

func hostsOf(s *Scope) []string {
	var out []string
	for _, svc := range s.Services {
		out = append(out, svc.Host)
	}
	return out
}

// messages are the problems without their codes, which go by severity.
func messages(s *Snapshot) []string {
	var out []string
	for _, p := range s.Problems() {
		p.Code = ""
		out = append(out, p.Error())
	}
	return out
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestBuildBookinfo(t *testing.T) {
	s := build(t, `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  ports: [{name: http, port: 9080}]
  selector: {app: reviews}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-v1, namespace: default}
spec:
  address: 127.0.0.1
  ports: {"9080": 15999}
  labels: {app: reviews, version: v1}
  serviceAccount: bookinfo-reviews
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}]
`)
	const host = "reviews.default.svc.cluster.local"
	svc := s.Service(host, "default")
	if svc == nil {
		t.Fatalf("no service %s", host)
	}
	eps := s.Endpoints(svc, svc.Ports[0])
	if len(eps.Endpoints) != 1 || eps.Endpoints[0].Port != 15999 || !eps.Endpoints[0].MutualTLS {
		t.Errorf("endpoints: %+v", eps.Endpoints)
	}
	equal(t, "identities", eps.Identities, []string{"spiffe://cluster.local/ns/default/sa/bookinfo-reviews"})
	scope := scopeOf(s, sidecarIn("default"))
	equal(t, "hosts", hostsOf(scope), []string{host})
	got := scope.Services[0]
	if got.Rule == nil || got.Rule.Spec.Host != host || len(got.Virtual) != 1 {
		t.Errorf("rule %v, virtual services %v", got.Rule, got.Virtual)
	}
	if d := got.Virtual[0].Spec.Http[0].Route[0].Destination; d.Host != host {
		t.Errorf("destination %v is not expanded", d)
	}
	equal(t, "problems", messages(s), nil)
}

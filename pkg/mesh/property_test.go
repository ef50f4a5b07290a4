package mesh

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// proxies are the points of view that the property test compares.
func proxies() []Proxy {
	out := []Proxy{
		{Type: Router, Namespace: "a", Name: "y-gateway", Labels: map[string]string{labelGatewayName: "y"}},
		{Type: Router, Namespace: "istio-system", Name: "gw", Labels: map[string]string{"istio": "ingressgateway"}},
		{Type: Router, Mode: Explicit, Namespace: "a", Name: "gw", Labels: map[string]string{"app": "x"}},
		{Type: Proxyless, Namespace: "b", Name: "y", Labels: map[string]string{"app": "y"}},
	}
	for _, ns := range []string{"a", "b", "istio-system", "elsewhere"} {
		out = append(out, sidecarIn(ns), sidecarIn(ns, "app=x"), sidecarIn(ns, "app=x", "version=v1"), sidecarIn(ns, "app=y", "version=v2"))
	}
	for _, name := range []string{"x", "y"} {
		p := sidecarIn("a", "app="+name)
		p.ServiceAccount = "sa1"
		p.Name, p.Addresses, p.Mode = name, []string{"10.0.0.1"}, Explicit
		out = append(out, p)
	}
	return out
}

// facts is everything that can be seen of a snapshot, by what it is.
func facts(s *Snapshot) map[string]config.Digest {
	out := map[string]config.Digest{"config": s.config.Digest}
	for svc := range s.Services() {
		out[fmt.Sprint("service ", svc.Namespace, " ", svc.Host)] = svc.Digest
		for _, p := range svc.Ports {
			out[fmt.Sprint("endpoints ", svc.Namespace, " ", svc.Host, " ", p.Number)] = s.Endpoints(svc, p).Digest
		}
	}
	for i, p := range proxies() {
		for what, d := range scopeFacts(scopeOf(s, p)) {
			out[fmt.Sprint("proxy ", i, " ", what)] = d
		}
		out[fmt.Sprint("proxy ", i, " workload")] = digest.Of(s.Workload(p))
		out[fmt.Sprint("proxy ", i, " listens")] = digest.Of(s.Listens(p))
	}
	for i, p := range s.Problems() {
		out[fmt.Sprint("problem ", i, " ", p.Error())] = digest.Of(p)
	}
	for what, n := range s.sizes() {
		out["size of "+what] = digest.Of(n)
	}
	return out
}

func scopeFacts(s *Scope) map[string]config.Digest {
	out := map[string]config.Digest{"key": digest.Of(s.Key), "allow any": digest.Of(s.AllowAny), "config": s.Config.Digest}
	if s.Sidecar != nil {
		out["sidecar"] = s.Sidecar.Digest
	}
	out["attached"] = digest.Of([]Attached{s.EnvoyFilters, s.Telemetries, s.WasmPlugins, s.TrafficExtensions})
	for i, svc := range s.Services {
		out[fmt.Sprint("service ", i, " ", svc.Host)] = svc.Digest
	}
	for i, h := range s.Hosts {
		out[fmt.Sprint("host ", i, " ", h.Host)] = h.Digest
	}
	for i, srv := range s.Servers {
		out[fmt.Sprint("server ", i)] = srv.Digest
	}
	return out
}

// sizes finds index entries that outlive what they lead to.
func (t *tables) sizes() map[string]int {
	return map[string]int{
		"definitions": t.definitions.table.Len(), "declared": t.declared.table.Len(), "services": t.services.table.Len(),
		"instances": t.instances.table.Len(), "addresses": t.addresses.table.Len(), "selectors": t.selectors.table.Len(),
		"members": t.members.table.Len(), "slices": t.slices.table.Len(), "sliceRefs": t.sliceRefs.table.Len(),
		"backends": t.backends.table.Len(), "policies": t.policies.table.Len(), "virtuals": t.virtuals.table.Len(),
		"delegates": t.delegates.table.Len(), "routes": t.routes.table.Len(), "toHost": t.toHost.table.Len(), "toGateway": t.toGateway.table.Len(),
		"rules": t.rules.table.Len(), "ruleHosts": t.ruleHosts.table.Len(), "sidecars": t.sidecars.table.Len(),
		"gateways": t.gateways.table.Len(), "labelled": t.labelled.table.Len(), "attached": t.attached.table.Len(), "credentials": t.credentials.table.Len(),
		"wildcards": t.wildcards.table.Len(), "problems": t.problems.table.Len(),
		"conversions": t.conversions.table.Len(), "readers": t.readers.table.Len(),
	}
}

func differ(t *testing.T, got, want map[string]config.Digest) bool {
	t.Helper()
	failed := false
	for what, d := range want {
		if g, ok := got[what]; !ok {
			t.Errorf("missing: %s", what)
			failed = true
		} else if g != d {
			t.Errorf("different: %s", what)
			failed = true
		}
	}
	for what := range got {
		if _, ok := want[what]; !ok {
			t.Errorf("too much: %s", what)
			failed = true
		}
	}
	return failed
}

func (g generator) batch(set config.Set) config.Batch {
	var b config.Batch
	seen := map[config.Key]bool{}
	for range 1 + g.IntN(4) {
		o := g.object()
		if seen[o.Key] {
			continue
		}
		seen[o.Key] = true
		if set.Get(o.Key) != nil && g.maybe(40) {
			b.Deletes = append(b.Deletes, o.Key)
		} else {
			b.Upserts = append(b.Upserts, o)
		}
	}
	if g.maybe(3) { // a full batch that says most of the same again
		b.Full, b.Deletes = true, nil
		for _, kind := range Kinds() {
			for o := range set.All(kind) {
				if !seen[o.Key] && g.maybe(90) {
					b.Upserts = append(b.Upserts, o)
				}
			}
		}
	}
	return b
}

// TestApplyEqualsBuild applies random changes one after the other: the result is what Build makes of the final objects, and each
// Change covers all that differs.
func TestApplyEqualsBuild(t *testing.T) {
	rounds, steps := 20, 60
	if testing.Short() {
		rounds = 5
	}
	for seed := range rounds {
		g := generator{rand.New(rand.NewPCG(uint64(seed), 1))}
		s := Build(config.Set{}, Options{})
		scopes := map[int]*Scope{}
		for step := range steps {
			before := s
			b := g.batch(s.Set())
			var c Change
			s, c = s.Apply(b)
			failed := differ(t, facts(s), facts(Build(s.Set(), Options{})))
			for i, p := range proxies() {
				failed = checkScope(t, before, s, p, c, scopes, i) || failed
				if digest.Of(before.Workload(p)) != digest.Of(s.Workload(p)) && !c.Reaches(p) {
					t.Errorf("the workload of proxy %d differs, and the change does not say so", i)
					failed = true
				}
			}
			if failed = checkEndpoints(t, before, s, c) || failed; failed {
				for _, o := range b.Upserts {
					if m, ok := o.Spec.(proto.Message); ok {
						t.Logf("upsert %v %v", o.Key, m)
					} else {
						t.Logf("upsert %v", o.Key)
					}
				}
				t.Fatalf("seed %d, step %d: deletes %v, change %+v", seed, step, b.Deletes, c)
			}
		}
	}
}

// checkScope compares a proxy's scope before and after a change, and what Rescope makes of the one before.
func checkScope(t *testing.T, before, after *Snapshot, p Proxy, c Change, scopes map[int]*Scope, i int) (failed bool) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Errorf("proxy %d: "+format, append([]any{i}, args...)...)
		failed = true
	}
	oldKey, key := before.ScopeKey(p), after.ScopeKey(p)
	want := after.Scope(key, p)
	if oldKey != key {
		if !c.Rekeys(p) {
			fail("it has another scope, and the change does not say so")
		}
		scopes[i] = want
		return failed
	}
	old := scopes[i]
	if old == nil {
		old = before.Scope(oldKey, p)
	}
	for _, host := range append(hostsOf(old), hostsOf(want)...) {
		a, b := old.Service(host), want.Service(host)
		if aspect := serviceAspect(a, b); c.Hosts[host]&aspect != aspect && !c.Rebuilds(key) {
			fail("%s differs in %b, and the change says %b", host, aspect, c.Hosts[host])
		}
	}
	got := after.Rescope(old, p, c)
	failed = differ(t, scopeFacts(got), scopeFacts(want)) || failed
	for _, svc := range got.Services {
		if o := old.Service(svc.Host); o != nil && o != svc && o.Digest == svc.Digest {
			fail("%s is a new pointer without need", svc.Host)
		}
	}
	scopes[i] = got
	return failed
}

func serviceAspect(a, b *ScopedService) Aspect {
	if a == nil && b == nil {
		return 0
	}
	if a == nil || b == nil || a.Service.Digest != b.Service.Digest {
		return Clusters | Routes | Listeners
	}
	var out Aspect
	if digest.Of(a.Rule) != digest.Of(b.Rule) {
		out |= Clusters
	}
	if digest.Of(a.Virtual) != digest.Of(b.Virtual) {
		out |= Routes
	}
	return out
}

func checkEndpoints(t *testing.T, before, after *Snapshot, c Change) (failed bool) {
	t.Helper()
	for svc := range after.Services() {
		for _, p := range svc.Ports {
			a, b := before.Endpoints(svc, p), after.Endpoints(svc, p)
			if a.Digest == b.Digest {
				if len(a.Endpoints) > 0 && a != b {
					t.Errorf("%s:%d: the endpoints are a new pointer without need", svc.Host, p.Number)
					failed = true
				}
				continue
			}
			want := Endpoints
			if digest.Of(a.Identities) != digest.Of(b.Identities) || svc.Resolution == DNS {
				want |= Clusters
			}
			if c.Hosts[svc.Host]&want != want {
				t.Errorf("%s:%d: endpoints differ, and the change says %b", svc.Host, p.Number, c.Hosts[svc.Host])
				failed = true
			}
		}
	}
	return failed
}

package xdsserver

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/meshctl/meshctl/pkg/xds"
)

// model is a proxy as a state machine: it applies what it is sent, answers late, refuses some, and comes back now and then. At
// any time all its routes must lead to clusters that it has.
type model struct {
	*deltaClient
	random  *rand.Rand
	has     map[string]map[string]string // type, name, version
	target  map[string]string            // route, cluster
	asked   map[string]map[string]bool   // endpoints and routes
	late    []*discoveryv3.DeltaDiscoveryRequest
	refuses bool
}

func newModel(t *testing.T, address string, random *rand.Rand) *model {
	m := &model{
		random: random, has: map[string]map[string]string{}, target: map[string]string{},
		asked: map[string]map[string]bool{xds.EndpointType: {}, xds.RouteType: {"r0": true, "r1": true, "r2": true}},
	}
	for url := range shortNames {
		m.has[url] = map[string]string{}
	}
	m.connect(t, address)
	return m
}

func (m *model) connect(t *testing.T, address string) {
	if m.deltaClient != nil {
		m.cancel()
	}
	m.deltaClient, m.late = newDeltaClient(t, address), nil
	for _, url := range []string{xds.ClusterType, xds.EndpointType, xds.ListenerType, xds.RouteType} {
		r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, InitialResourceVersions: map[string]string{}}
		for name, version := range m.has[url] {
			r.InitialResourceVersions[name] = version
		}
		for name := range m.asked[url] {
			r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
		}
		if len(r.ResourceNamesSubscribe) > 0 || url == xds.ClusterType || url == xds.ListenerType {
			m.send(r)
		}
	}
}

// take applies one response, if one comes within d, and prepares the answer.
func (m *model) take(d time.Duration) bool {
	m.t.Helper()
	select {
	case r, ok := <-m.responses:
		if !ok {
			m.t.Fatalf("the stream has ended: %v", m.err)
		}
		answer := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce()}
		if m.refuses && r.GetTypeUrl() == xds.RouteType && m.random.IntN(3) == 0 {
			answer.ErrorDetail = refusalOf("no")
		} else {
			m.apply(r)
		}
		m.late = append(m.late, answer)
		return true
	case <-time.After(d):
		return false
	}
}

func (m *model) apply(r *discoveryv3.DeltaDiscoveryResponse) {
	m.t.Helper()
	has, twice := m.has[r.GetTypeUrl()], map[string]bool{}
	var needs []string
	for _, resource := range r.GetResources() {
		name := resource.GetName()
		if twice[name] {
			m.t.Errorf("%s is twice in %s", name, short(r))
		}
		twice[name] = true
		has[name] = resource.GetVersion()
		switch r.GetTypeUrl() {
		case xds.ClusterType:
			if !m.asked[xds.EndpointType][name] {
				needs = append(needs, name)
				m.asked[xds.EndpointType][name] = true
			}
		case xds.RouteType:
			var c routev3.RouteConfiguration
			if err := resource.GetResource().UnmarshalTo(&c); err != nil {
				m.t.Fatal(err)
			}
			m.target[name] = c.GetVirtualHosts()[0].GetRoutes()[0].GetRoute().GetCluster()
		}
	}
	var leaves []string
	for _, name := range r.GetRemovedResources() {
		delete(has, name)
		if r.GetTypeUrl() == xds.ClusterType && m.asked[xds.EndpointType][name] {
			leaves = append(leaves, name)
			delete(m.asked[xds.EndpointType], name)
			delete(m.has[xds.EndpointType], name)
		}
	}
	for name, cluster := range m.target {
		if m.has[xds.ClusterType][cluster] == "" {
			m.t.Fatalf("after %s the route %s leads to %s, which the proxy does not have", short(r), name, cluster)
		}
	}
	if len(needs)+len(leaves) > 0 {
		m.late = append(m.late, &discoveryv3.DeltaDiscoveryRequest{
			TypeUrl: xds.EndpointType, ResourceNamesSubscribe: needs, ResourceNamesUnsubscribe: leaves,
		})
	}
}

// answer sends what is due, or some of it.
func (m *model) answer(all bool) {
	for len(m.late) > 0 && (all || m.random.IntN(3) > 0) {
		m.send(m.late[0])
		m.late = m.late[1:]
	}
}

func randomMesh(random *rand.Rand, i int) []*xds.Resource {
	var out []*xds.Resource
	var present []string
	for c := range 6 {
		if name := fmt.Sprintf("c%d", c); random.IntN(2) == 0 || c == i%6 {
			present = append(present, name)
			out = append(out, cluster(name, 1+random.IntN(2)), endpoints(name, uint32(1+random.IntN(3))))
		}
	}
	for r := range 3 {
		out = append(out, route(fmt.Sprintf("r%d", r), present[random.IntN(len(present))]))
	}
	return append(out, listener("l", fmt.Sprint(random.IntN(3))))
}

func TestChurn(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			control, s, address := serve(t, Options{BytesInFlight: 1}, randomMesh(random, 0)...)
			m := newModel(t, address, random)
			m.refuses = seed%2 == 1
			for i := range 60 {
				control.set(randomMesh(random, i)...)
				for m.take(time.Millisecond) && random.IntN(4) > 0 {
				}
				m.answer(false)
				if random.IntN(25) == 0 {
					m.connect(t, address)
				}
			}
			m.refuses = false
			// Routes that were never there before: what was refused is not sent again as long as it is the same.
			last := []*xds.Resource{cluster("last", 1), endpoints("last", 1), listener("l", "last")}
			for r := range 3 {
				last = append(last, route(fmt.Sprintf("r%d", r), "last"))
			}
			control.set(last...)
			deadline := time.Now().Add(patience)
			for settled := false; !settled; {
				settled = !m.take(20*time.Millisecond) && len(m.late) == 0 && s.Status()[0].settled()
				m.answer(true)
				if time.Now().After(deadline) {
					t.Fatalf("the proxy does not settle: %+v", s.Status())
				}
			}
			m.compare(control.view)
		})
	}
}

func (p ProxyStatus) settled() bool {
	for _, t := range p.Types {
		if t.State != Synced {
			return false
		}
	}
	return true
}

func (m *model) compare(view *xds.View) {
	m.t.Helper()
	for _, url := range []string{xds.ClusterType, xds.EndpointType, xds.ListenerType, xds.RouteType} {
		if got, want := len(m.has[url]), view.Table(url).Len(); got != want {
			m.t.Errorf("%s: the proxy has %d resources, want %d", shortNames[url], got, want)
		}
		for r := range view.Table(url).All() {
			if got := m.has[url][r.Name]; got != r.Version {
				m.t.Errorf("%s %s: the proxy has version %q, want %q", shortNames[url], r.Name, got, r.Version)
			}
		}
	}
}

package gateways

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func conflicts() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "gateway-conflict",
		Doc:   "Gateways that serve the same host on the same port of the same proxies",
		Codes: []codes.Code{codes.GatewayConflict},
		Kinds: proxyKinds(),
		Run: func(p *analyze.Pass) {
			g := proxies.Of(p)
			rivals := map[serverKey][]*gatewayServer{}
			places := servedPlaces(p, rivals)
			for _, at := range places {
				judgeRivals(p, g, at, rivals[at])
			}
		},
	}
}

// serverKey is what no two Gateways of the same proxies should both serve.
type serverKey struct {
	port       uint32
	bind, host string
}

// gatewayServer is one server of a Gateway and the field with the host in question.
type gatewayServer struct {
	object *config.Object
	spec   *networking.Gateway
	index  int
	field  string
}

// servedPlaces fills the index of servers by what they serve, once each, and returns its keys in the order of the objects.
func servedPlaces(p *analyze.Pass, index map[serverKey][]*gatewayServer) []serverKey {
	var order []serverKey
	for _, o := range gatewaysOf(p) {
		spec := o.Spec.(*networking.Gateway)
		for i, s := range spec.Servers {
			for j, h := range s.GetHosts() {
				key := serverKey{s.GetPort().GetNumber(), s.GetBind(), absolute(h, o.Key.Namespace)}
				if index[key] == nil {
					order = append(order, key)
				}
				index[key] = append(index[key], &gatewayServer{o, spec, i, fmt.Sprintf("%s.hosts[%d]", serverField(i), j)})
			}
		}
	}
	return order
}

// absolute writes a server's host without what depends on the Gateway's namespace.
func absolute(host, namespace string) string {
	host = strings.ToLower(host)
	if rest, ok := strings.CutPrefix(host, "./"); ok {
		return namespace + "/" + rest
	}
	return strings.TrimPrefix(host, "*/")
}

func judgeRivals(p *analyze.Pass, g gatewayProxies, at serverKey, list []*gatewayServer) {
	if len(list) < 2 {
		return
	}
	groups := map[string][]*gatewayServer{} // by selector
	for _, s := range list {
		text := labelText(s.spec.Selector)
		groups[text] = append(groups[text], s)
	}
	shared := sharing(p, g, groups)
	for _, text := range slices.Sorted(maps.Keys(groups)) {
		for _, s := range groups[text] {
			others := rivalsOf(s, groups[text])
			for _, other := range shared[text] {
				others = append(others, rivalsOf(s, groups[other])...)
			}
			if len(others) > 0 {
				reportConflict(p, s, at, others)
			}
		}
	}
}

// rivalsOf names the first other Gateways of a list: as many as are told.
func rivalsOf(s *gatewayServer, list []*gatewayServer) []string {
	const most = 5
	var out []string
	for _, o := range list {
		if o.object.Key != s.object.Key && !slices.Contains(out, full(o.object)) {
			if out = append(out, full(o.object)); len(out) == most {
				break
			}
		}
	}
	return out
}

// sharing lists, for each selector, the others that select a workload that it selects as well.
func sharing(p *analyze.Pass, g gatewayProxies, groups map[string][]*gatewayServer) map[string][]string {
	out := map[string][]string{}
	if len(groups) < 2 {
		return out
	}
	of := map[*analyze.Workload][]string{}
	for _, text := range slices.Sorted(maps.Keys(groups)) {
		for _, w := range g.bySelector[text] {
			for _, other := range of[w] {
				if !slices.Contains(out[text], other) {
					out[text], out[other] = append(out[text], other), append(out[other], text)
				}
			}
			of[w] = append(of[w], text)
		}
	}
	if !g.known {
		openNarrower(p, groups)
	}
	return out
}

// openNarrower notes the selectors of which one has all labels of the other, while it is not known which workloads there are.
func openNarrower(p *analyze.Pass, groups map[string][]*gatewayServer) {
	const most = 50 // selectors of one host and port: more are told nothing new
	texts := slices.Sorted(maps.Keys(groups))
	for i, a := range texts[:min(most, len(texts))] {
		for _, b := range texts[i+1 : min(most, len(texts))] {
			one, other := groups[a][0], groups[b][0]
			if mesh.Selects(one.spec.Selector, other.spec.Selector) || mesh.Selects(other.spec.Selector, one.spec.Selector) {
				p.Open(codes.GatewayConflict, one.object, "workloads that the Gateway "+full(other.object)+" selects as well", config.Pod)
			}
		}
	}
}

func reportConflict(p *analyze.Pass, s *gatewayServer, at serverKey, others []string) {
	slices.Sort(others)
	p.Report(analyze.Finding{
		Code: codes.GatewayConflict, Object: s.object, Field: s.field,
		Message: fmt.Sprintf("%s on port %d is also served by %s at the same proxies (%s); only the oldest Gateway's settings count for it",
			at.host, at.port, few(slices.Compact(others)), selected(s.spec.Selector)),
		Fix: "serve each host and port in one Gateway, or select other proxies",
	})
}

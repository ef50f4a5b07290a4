package envoyfilter

import (
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

// Addition is a listener or a cluster that a patch adds.
type Addition[M any] struct {
	Ref
	Message M
	patch   *Patch
}

// Taken returns the problem that something else has the addition's name or address.
func (a Addition[M]) Taken(what string) config.Problem {
	return a.patch.problem(config.Error, "patch.value", "not added: "+what, "give it another one, or use operation: MERGE")
}

// AddedClusters returns the clusters that patches add to proxies of a kind: at gateways those for GATEWAY, at sidecars those for either
// direction. Of two with one name the first one counts.
func (g *Program) AddedClusters(gateway bool) ([]Addition[*clusterv3.Cluster], []config.Problem) {
	return added[*clusterv3.Cluster](g, networking.EnvoyFilter_CLUSTER, gateway)
}

// AddedListeners returns the listeners that patches add to proxies of a kind, see AddedClusters.
func (g *Program) AddedListeners(gateway bool) ([]Addition[*listenerv3.Listener], []config.Problem) {
	return added[*listenerv3.Listener](g, networking.EnvoyFilter_LISTENER, gateway)
}

func added[M interface{ GetName() string }](g *Program, a applyTo, gateway bool) (out []Addition[M], problems []config.Problem) {
	if g == nil {
		return nil, nil
	}
	for _, p := range g.added[a] {
		if gateway && !p.in(Gateway) || !gateway && !p.in(Inbound) && !p.in(Outbound) {
			continue
		}
		next := Addition[M]{Ref: p.Ref(), Message: p.value.(M), patch: p}
		if i := slices.IndexFunc(out, func(o Addition[M]) bool { return o.Message.GetName() == next.Message.GetName() }); i >= 0 {
			problems = append(problems, next.Taken(out[i].Key.String()+" adds one of the name "+quoted(next.Message.GetName())))
			continue
		}
		out = append(out, next)
	}
	return out, problems
}

package destinations

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// From these sizes on, what every proxy is sent without need outweighs what scoping costs to write: about 1 MB and half a
// second of each proxy's start for a thousand services.
const (
	manyServices  = 200
	manyWorkloads = 20
)

func meshScoping() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "mesh-scoping",
		Doc:   "large meshes in which every proxy knows every service",
		Codes: []codes.Code{codes.NoScoping},
		Kinds: append(append(analyze.ServiceKinds(), analyze.WorkloadKinds()...), config.Sidecar, config.ConfigMap, config.Namespace),
		Run: func(p *analyze.Pass) {
			public := 0
			for _, s := range p.Services() {
				if s.Visibility.Public {
					public++
				}
			}
			proxies := unscoped(p)
			if public <= manyServices || len(proxies) <= manyWorkloads {
				return
			}
			on := scopingObject(p, proxies)
			if !p.Knows(config.Sidecar) {
				p.Open(codes.NoScoping, on, "a Sidecar that says what proxies need to know", config.Sidecar)
				return
			}
			p.Report(analyze.Finding{
				Code: codes.NoScoping, Object: on,
				Message: fmt.Sprintf("no Sidecar says which of %d services the proxies of %d workloads need: each is sent all of them, and every change", public, len(proxies)),
			})
		},
	}
}

// unscoped are the workloads with a sidecar for which no Sidecar can hold.
func unscoped(p *analyze.Pass) []*analyze.Workload {
	scoped := map[string]bool{}
	root := p.Config().Mesh.GetRootNamespace()
	for _, o := range p.All(config.Sidecar) {
		spec, ok := o.Spec.(*networking.Sidecar)
		if ok && o.Key.Namespace == root && spec.GetWorkloadSelector() == nil {
			return nil
		}
		scoped[o.Key.Namespace] = true
	}
	var out []*analyze.Workload
	for _, w := range analyze.AllWorkloads(p).All {
		if w.Meshed && !w.Gateway && !scoped[w.Namespace] {
			out = append(out, w)
		}
	}
	return out
}

// scopingObject is what the finding is reported on: the mesh's configuration, else the namespace with most of the proxies, else one of
// them.
func scopingObject(p *analyze.Pass, proxies []*analyze.Workload) *config.Object {
	if o := p.Get(config.Key{Kind: config.ConfigMap, Namespace: p.Config().SystemNamespace, Name: "istio"}); o != nil {
		return o
	}
	counts := map[string]int{}
	for _, w := range proxies {
		counts[w.Namespace]++
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	if o := p.Get(config.Key{Kind: config.Namespace, Name: names[0]}); o != nil {
		return o
	}
	return proxies[0].Object
}

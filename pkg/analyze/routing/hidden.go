package routing

import (
	"fmt"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// hiddenHosts looks for Sidecars that keep a VirtualService of their namespace from their workloads. A VirtualService for a service of the same
// namespace may be for clients elsewhere, and is left alone unless nobody else sees it.
func hiddenHosts() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "sidecar-hidden-hosts",
		Doc:   "Sidecars that do not let their workloads see a host which a VirtualService of the namespace routes for them",
		Codes: []codes.Code{codes.HostHidden},
		Kinds: append(append(analyze.WorkloadKinds(), analyze.ServiceKinds()...), config.Sidecar, config.VirtualService, config.ConfigMap, config.Namespace),
		Run: func(p *analyze.Pass) {
			p.Reads(analyze.ServiceKinds()...)
			cache := map[string][]mesh.Reach{}
			for _, v := range written.Of(p) {
				namespace := v.Object.Key.Namespace
				if len(v.MeshHosts) == 0 || !v.Visibility.In(namespace) || len(sidecarsBySpace.Of(p)) == 0 {
					continue
				}
				proxies, known := cache[namespace]
				if !known {
					proxies = limited(p, namespace)
					cache[namespace] = proxies
				}
				if len(proxies) > 0 {
					checkHidden(p, v, proxies)
				}
			}
		},
	}
}

// limited returns one proxy for each Sidecar that is in force in a namespace; none when some workload there sees everything.
func limited(p *analyze.Pass, namespace string) []mesh.Reach {
	candidates := []mesh.Proxy{{Namespace: namespace}}
	workloads := analyze.AllWorkloads(p).Selected(namespace, nil)
	if len(workloads) > 0 {
		candidates = nil
	} else if s := sidecarsBySpace.Of(p)[namespace]; s != nil {
		for _, o := range s.selecting {
			candidates = append(candidates, mesh.Proxy{Namespace: namespace, Labels: selector(o)})
		}
	}
	for _, w := range workloads {
		if w.Meshed && !w.Gateway {
			candidates = append(candidates, w.Proxy())
		}
	}
	var out []mesh.Reach
	for _, c := range candidates {
		r := p.Mesh().Reach(c)
		o := r.Sidecar()
		if o == nil || len(o.Spec.(*networking.Sidecar).GetEgress()) == 0 {
			return nil
		}
		if !slices.ContainsFunc(out, func(x mesh.Reach) bool { return x.Sidecar() == o }) {
			out = append(out, r)
		}
	}
	return out
}

func checkHidden(p *analyze.Pass, v *mesh.Virtual, proxies []mesh.Reach) {
	namespace := v.Object.Key.Namespace
	if slices.ContainsFunc(proxies, func(r mesh.Reach) bool { return r.Follows(v) }) {
		return
	}
	private := !v.Visibility.Public && len(v.Visibility.Namespaces) == 1
	for i, h := range v.Own.Hosts {
		s := p.Service(h, namespace)
		if !slices.Contains(v.MeshHosts, h) || !private && (s == nil || s.Namespace == namespace) {
			continue
		}
		for _, r := range proxies {
			sidecar := r.Sidecar()
			p.Report(analyze.Finding{
				Code: codes.HostHidden, Object: sidecar, Field: "spec.egress",
				Message: fmt.Sprintf("the Sidecar hides %s, so its workloads never follow VirtualService %s: requests go out as to an unknown host, or are refused", h, name(v.Object)),
				Fix:     fmt.Sprintf("add %q to the hosts of an egress listener", "*/"+h),
				Related: related(v.Object, at("spec.hosts", v.HostFields[i]), "the routes that are hidden"),
			})
		}
		return
	}
}

package routing

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
	"github.com/meshctl/meshctl/pkg/translate"
)

// claims looks for routes by claims of tokens that nothing verifies at the gateway.
func claims() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "virtualservice-claims",
		Doc:   "routes by JWT claims at gateways for which no RequestAuthentication holds",
		Codes: []codes.Code{codes.ClaimsWithoutAuthentication},
		Kinds: append(analyze.WorkloadKinds(), config.VirtualService, config.ConfigMap, config.Gateway, config.RequestAuthn, config.Namespace),
		Run: func(p *analyze.Pass) {
			p.Reads(config.Gateway, config.RequestAuthn)
			workloads := analyze.AllWorkloads(p)
			for _, v := range written.Of(p) {
				object, field, claim := firstClaim(v)
				if claim == "" {
					continue
				}
				for _, g := range v.Gateways {
					home, name, _ := strings.Cut(g, "/")
					o := p.Get(config.Key{Kind: config.Gateway, Namespace: home, Name: name})
					if o == nil { // told as such
						continue
					}
					if spec, ok := o.Spec.(*networking.Gateway); ok {
						checkClaims(p, object, field, claim, g, workloads.Selected("", spec.GetSelector()))
					}
				}
			}
		},
	}
}

// firstClaim finds the first claim that rules look at, in the object or in a delegate.
func firstClaim(v *mesh.Virtual) (object *config.Object, field, claim string) {
	for i, r := range v.Spec.GetHttp() {
		for j, m := range r.GetMatch() {
			for _, list := range []struct {
				field   string
				headers map[string]*networking.StringMatch
			}{{"headers", m.GetHeaders()}, {"withoutHeaders", m.GetWithoutHeaders()}} {
				for _, header := range slices.Sorted(maps.Keys(list.headers)) {
					if translate.IsClaim(header) {
						from := v.Rule(i)
						return from.Object, fmt.Sprintf("spec.http[%d].match[%d].%s[%s]", from.Index, j, list.field, header), header
					}
				}
			}
		}
	}
	return nil, "", ""
}

func checkClaims(p *analyze.Pass, o *config.Object, field, claim, gateway string, proxies []*analyze.Workload) {
	if len(proxies) == 0 && !p.Knows(analyze.WorkloadKinds()...) {
		p.Open(codes.ClaimsWithoutAuthentication, o, "the pods of Gateway "+gateway, config.Pod, config.Deployment)
		return
	}
	for _, w := range proxies {
		proxy := w.Proxy()
		proxy.Type = mesh.Router
		if len(p.Mesh().Attached(config.RequestAuthn, proxy)) > 0 {
			continue
		}
		if !p.Knows(config.RequestAuthn) {
			p.Open(codes.ClaimsWithoutAuthentication, o, "a RequestAuthentication for "+w.Object.Key.String(), config.RequestAuthn)
			return
		}
		p.Report(analyze.Finding{
			Code: codes.ClaimsWithoutAuthentication, Object: o, Field: field,
			Message: fmt.Sprintf("%s is matched, but no RequestAuthentication holds for %s, which serves the Gateway %s: no token is verified there, and the match never holds", claim, w.Object.Key, gateway),
			Fix:     "create a RequestAuthentication in its namespace whose selector matches the gateway's labels",
		})
		return
	}
}

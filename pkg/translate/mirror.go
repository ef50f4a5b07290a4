package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// mirrors copies requests to further destinations. `mirrors` takes the place of `mirror` when both are there.
func (b *routeBuilder) mirrors(a *routev3.RouteAction, rule *networking.HTTPRoute) {
	if b.in.Proxy == mesh.Proxyless {
		return
	}
	if len(rule.GetMirrors()) > 0 {
		for _, m := range rule.GetMirrors() {
			b.mirror(a, m.GetDestination(), percent(m.GetPercentage(), 100))
		}
		return
	}
	share := rule.GetMirrorPercentage()
	if old := rule.GetMirrorPercent(); share == nil && old != nil { //nolint:staticcheck // users' files have it
		share = &networking.Percent{Value: float64(old.GetValue())}
	}
	b.mirror(a, rule.GetMirror(), percent(share, 100))
}

func (b *routeBuilder) mirror(a *routev3.RouteAction, d *networking.Destination, share *typev3.FractionalPercent) {
	if d == nil || share.Numerator == 0 {
		return
	}
	a.RequestMirrorPolicies = append(a.RequestMirrorPolicies, &routev3.RouteAction_RequestMirrorPolicy{
		Cluster: b.targets().cluster(d), RuntimeFraction: &corev3.RuntimeFractionalPercent{DefaultValue: share},
	})
}

// percent converts 0 to 100 with four decimals, the most that Envoy knows.
func percent(p *networking.Percent, unset float64) *typev3.FractionalPercent {
	value := unset
	if p != nil {
		value = p.GetValue()
	}
	if !(value > 0) { // NaN, too
		value = 0
	}
	return &typev3.FractionalPercent{Numerator: uint32(min(value, 100)*10000 + 0.5), Denominator: typev3.FractionalPercent_MILLION}
}

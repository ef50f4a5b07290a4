package translate

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	networking "istio.io/api/networking/v1alpha3"
)

// hashPolicy says what of a request is hashed where the destination's rule balances by consistentHash.
func (b *routeBuilder) hashPolicy(host string, port uint32, subset string) []*routev3.RouteAction_HashPolicy {
	d := b.targets().find(host)
	if d == nil {
		return nil
	}
	hash := policyFor(d.Rule, port, subset).lb.GetConsistentHash()
	p := &routev3.RouteAction_HashPolicy{}
	switch key := hash.GetHashKey().(type) {
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpHeaderName:
		if !headerName(key.HttpHeaderName) {
			return nil
		}
		p.PolicySpecifier = &routev3.RouteAction_HashPolicy_Header_{Header: &routev3.RouteAction_HashPolicy_Header{HeaderName: key.HttpHeaderName}}
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpCookie:
		c := key.HttpCookie
		if c.GetName() == "" || !headerValue(c.GetName()+c.GetPath()) {
			return nil
		}
		cookie := &routev3.RouteAction_HashPolicy_Cookie{Name: c.GetName(), Path: c.GetPath()}
		if notNegative(c.GetTtl()) { // Envoy makes the cookie itself
			cookie.Ttl = c.GetTtl()
		}
		for _, a := range c.GetAttributes() {
			if headerName(a.GetName()) && headerValue(a.GetValue()) {
				cookie.Attributes = append(cookie.Attributes, &routev3.RouteAction_HashPolicy_CookieAttribute{Name: a.GetName(), Value: a.GetValue()})
			}
		}
		p.PolicySpecifier = &routev3.RouteAction_HashPolicy_Cookie_{Cookie: cookie}
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpQueryParameterName:
		if key.HttpQueryParameterName == "" {
			return nil
		}
		p.PolicySpecifier = &routev3.RouteAction_HashPolicy_QueryParameter_{QueryParameter: &routev3.RouteAction_HashPolicy_QueryParameter{Name: key.HttpQueryParameterName}}
	case *networking.LoadBalancerSettings_ConsistentHashLB_UseSourceIp:
		if !key.UseSourceIp {
			return nil
		}
		p.PolicySpecifier = &routev3.RouteAction_HashPolicy_ConnectionProperties_{
			ConnectionProperties: &routev3.RouteAction_HashPolicy_ConnectionProperties{SourceIp: true},
		}
	default:
		return nil
	}
	return []*routev3.RouteAction_HashPolicy{p}
}

package mesh

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// Bounds that Envoy enforces.
const (
	largestRing   = 8 << 20
	largestMaglev = 5000011
)

func (c *checker) loadBalancer(field string, lb *networking.LoadBalancerSettings, detected bool) {
	if lb == nil {
		return
	}
	c.deprecated(field+".simple", lb.GetSimple() == networking.LoadBalancerSettings_LEAST_CONN, "LEAST_REQUEST")                        //nolint:staticcheck // users' files have it
	c.deprecated(field+".consistentHash.minimumRingSize", lb.GetConsistentHash().GetMinimumRingSize() != 0, "ringHash.minimumRingSize") //nolint:staticcheck // users' files have it
	c.deprecated(field+".warmupDurationSecs", lb.GetWarmupDurationSecs() != nil, "warmup.duration")
	c.consistentHash(field+".consistentHash", lb.GetConsistentHash())
	c.warmup(field, lb)
	if lb.GetLocalityLbSetting() != nil && lb.GetZoneAwareLbSetting() != nil {
		c.warn(field+".zoneAwareLbSetting", "has no effect beside localityLbSetting", "keep one of the two")
	}
	c.locality(field+".localityLbSetting", lb.GetLocalityLbSetting(), detected)
	c.priorities(field+".zoneAwareLbSetting.failoverPriority", lb.GetZoneAwareLbSetting().GetFailoverPriority())
	for i, f := range lb.GetZoneAwareLbSetting().GetFailover() {
		c.region(fmt.Sprintf("%s.zoneAwareLbSetting.failover[%d]", field, i), f.GetFrom(), f.GetTo())
	}
}

func (c *checker) consistentHash(field string, h *networking.LoadBalancerSettings_ConsistentHashLB) {
	if h == nil {
		return
	}
	const random = "; endpoints are chosen at random"
	switch key := h.GetHashKey().(type) {
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpHeaderName:
		c.needed(field+".httpHeaderName", key.HttpHeaderName != "" && !strings.ContainsAny(key.HttpHeaderName, " \t\r\n\x00,;\"/()<>@{}[]?=\\"),
			fmt.Sprintf("%q is no name of a header%s", key.HttpHeaderName, random), "write for example x-user")
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpCookie:
		c.needed(field+".httpCookie.name", key.HttpCookie.GetName() != "", "a cookie needs a name"+random, "write for example session")
		c.duration(field+".httpCookie.ttl", key.HttpCookie.GetTtl(), 0, "write 0s for a session cookie")
		for i, a := range key.HttpCookie.GetAttributes() {
			c.needed(fmt.Sprintf("%s.httpCookie.attributes[%d].name", field, i), a.GetName() != "", "an attribute needs a name; it is left out", "write for example SameSite")
		}
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpQueryParameterName:
		c.needed(field+".httpQueryParameterName", key.HttpQueryParameterName != "", "the parameter has no name"+random, "write for example user")
	case *networking.LoadBalancerSettings_ConsistentHashLB_UseSourceIp:
		c.needed(field+".useSourceIp", key.UseSourceIp, "false is no key"+random, "write true, or another key")
	default:
		c.fail(field, "nothing says what is hashed"+random, "add httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName")
	}
	ring := max(h.GetRingHash().GetMinimumRingSize(), h.GetMinimumRingSize()) //nolint:staticcheck // users' files have it
	if ring > largestRing {
		c.fail(field+".ringHash.minimumRingSize", fmt.Sprintf("%d is more than %d, which is used instead", ring, largestRing), "write for example 1024")
	}
	if size := h.GetMaglev().GetTableSize(); size != 0 && !MaglevSize(size) {
		c.fail(field+".maglev.tableSize", "the table size must be a prime number up to 5000011; the default of 65537 holds", "write for example 65537")
	}
}

// MaglevSize reports whether a number can be the size of a Maglev table: Envoy wants a prime up to 5000011.
func MaglevSize(n uint64) bool {
	if n < 2 || n > largestMaglev {
		return false
	}
	for d := uint64(2); d*d <= n; d++ {
		if n%d == 0 {
			return false
		}
	}
	return true
}

func (c *checker) warmup(field string, lb *networking.LoadBalancerSettings) {
	w := lb.GetWarmup()
	if w == nil && lb.GetWarmupDurationSecs() == nil {
		return
	}
	simple := lb.GetSimple()
	if lb.GetConsistentHash() != nil || simple == networking.LoadBalancerSettings_RANDOM || simple == networking.LoadBalancerSettings_PASSTHROUGH {
		c.warn(field, "warmup works with LEAST_REQUEST and ROUND_ROBIN only; endpoints take their share from the start", "use simple: LEAST_REQUEST")
	}
	if w == nil {
		c.duration(field+".warmupDurationSecs", lb.GetWarmupDurationSecs(), 1, "write for example 60s")
		return
	}
	if lb.GetWarmupDurationSecs() != nil {
		c.warn(field+".warmupDurationSecs", "has no effect beside warmup", "remove it")
	}
	c.needed(field+".warmup.duration", w.GetDuration() != nil, "warmup needs a duration; there is none", "write for example 60s")
	c.duration(field+".warmup.duration", w.GetDuration(), 1, "write for example 60s")
	if m := w.GetMinimumPercent(); m != nil && !Percentage(m.GetValue()) {
		c.fail(field+".warmup.minimumPercent", fmt.Sprintf("%v is not between 0 and 100; the default of 10 holds", m.GetValue()), "write for example 10")
	}
	if a := w.GetAggression(); a != nil && !(a.GetValue() >= 1) {
		c.fail(field+".warmup.aggression", fmt.Sprintf("%v is less than 1, which holds instead", a.GetValue()), "write 1 or more")
	}
}

// locality checks a localityLbSetting; detected says that there is outlierDetection, without which nothing fails over.
func (c *checker) locality(field string, s *networking.LocalityLoadBalancerSetting, detected bool) {
	if s == nil {
		return
	}
	failover := len(s.GetFailover()) > 0 || len(s.GetFailoverPriority()) > 0
	switch {
	case len(s.GetDistribute()) > 0 && failover:
		c.warn(field, "distribute and failover exclude each other; distribute holds", "keep one of them")
	case failover && !detected:
		c.warn(field, "has no effect without outlierDetection, by which proxies notice that endpoints fail", "add outlierDetection beside loadBalancer")
	}
	for i, d := range s.GetDistribute() {
		at := fmt.Sprintf("%s.distribute[%d]", field, i)
		sum := uint64(0)
		for _, to := range slices.Sorted(maps.Keys(d.GetTo())) {
			sum += uint64(d.GetTo()[to])
			c.needed(at+".to", wellPlaced(to), fmt.Sprintf("%q is no locality", to), `write for example "region/zone/*"`)
		}
		c.needed(at+".from", wellPlaced(d.GetFrom()), fmt.Sprintf("%q is no locality", d.GetFrom()), `write for example "region/zone/*"`)
		if sum != 100 {
			c.warn(at+".to", fmt.Sprintf("the weights add up to %d; each is taken as a share of that", sum), "make them add up to 100")
		}
	}
	for i, f := range s.GetFailover() {
		c.region(fmt.Sprintf("%s.failover[%d]", field, i), f.GetFrom(), f.GetTo())
	}
	c.priorities(field+".failoverPriority", s.GetFailoverPriority())
}

// wellPlaced reports whether a pattern is of the form region/zone/subzone, with a wildcard at its end only.
func wellPlaced(pattern string) bool {
	parts := strings.Split(pattern, "/")
	at := strings.IndexByte(pattern, '*')
	return parts[0] != "" && len(parts) <= 3 && (at < 0 || at == len(pattern)-1 && parts[len(parts)-1] == "*")
}

func (c *checker) region(field, from, to string) {
	switch {
	case from == "" || to == "" || strings.ContainsAny(from+to, "/*"):
		c.fail(field, fmt.Sprintf("failover leads from a region to a region, not from %q to %q", from, to), "write regions without zones")
	case from == to:
		c.warn(field+".to", "a region cannot fail over to itself", "name another region")
	}
}

func (c *checker) priorities(field string, labels []string) {
	for i, l := range labels {
		key, _, _ := strings.Cut(l, "=")
		c.needed(fmt.Sprintf("%s[%d]", field, i), key != "" && !strings.ContainsAny(key, " *"), fmt.Sprintf("%q is neither a label nor label=value", l), "write for example topology.kubernetes.io/zone")
	}
}

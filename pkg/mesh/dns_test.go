package mesh

import (
	"net/netip"
	"slices"
	"testing"
)

func TestWhoAnswersDNS(t *testing.T) {
	capture := map[string]string{"DNS_CAPTURE": "true", "DNS_AUTO_ALLOCATE": "true"}
	for name, c := range map[string]struct {
		proxy Proxy
		want  DNSProxy
	}{
		"a sidecar that says so":       {Proxy{Metadata: capture, Addresses: []string{"10.0.0.1"}}, DNSProxy{Capture: true, Allocate: true}},
		"in a dual-stack pod":          {Proxy{Metadata: capture, Addresses: []string{"10.0.0.1", "fd00::1"}}, DNSProxy{Capture: true, Allocate: true, IPv6: true}},
		"without addresses of its own": {Proxy{Metadata: map[string]string{"DNS_CAPTURE": "true"}}, DNSProxy{Capture: true}},
		"allocation alone":             {Proxy{Metadata: map[string]string{"DNS_AUTO_ALLOCATE": "true"}}, DNSProxy{}},
		"an explicit one":              {Proxy{Mode: Explicit, Metadata: capture}, DNSProxy{}},
		"a gateway":                    {Proxy{Type: Router, Metadata: capture}, DNSProxy{}},
	} {
		if got := dnsOf(c.proxy); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestAllocatedAddresses(t *testing.T) {
	s := &Service{Namespace: "default", Host: "db.example", Resolution: Static}
	got := allocated(s)
	if len(got.Addresses) != 2 || got.Digest == s.Digest || len(s.Addresses) != 0 {
		t.Fatalf("%v of %v: want a copy with two addresses and another digest", got, s)
	}
	for i, network := range []string{"240.0.0.0/5", "2001:2::/48"} {
		if ip := netip.MustParseAddr(got.Addresses[i]); !netip.MustParsePrefix(network).Contains(ip) {
			t.Errorf("%s is not in %s", ip, network)
		}
	}
	if again := allocated(&Service{Namespace: "default", Host: "db.example", Resolution: DNS}); !slices.Equal(again.Addresses, got.Addresses) {
		t.Errorf("%v, then %v", got.Addresses, again.Addresses)
	}
	for name, s := range map[string]*Service{
		"a Service of Kubernetes": {Name: "db", Host: "db.default.svc.cluster.local", Resolution: Static},
		"with an address":         {Host: "db.example", Addresses: []string{"10.0.0.1"}},
		"a wildcard":              {Host: "*.example", Resolution: Static},
		"resolution NONE":         {Host: "db.example", Resolution: Passthrough},
	} {
		if allocated(s) != s {
			t.Errorf("%s got an address", name)
		}
	}
}

package mesh

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// DNSProxy is what a redirected sidecar does about its program's DNS queries, as its proxyMetadata says
// (https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/).
type DNSProxy struct {
	// Capture: the proxy answers them (ISTIO_META_DNS_CAPTURE).
	Capture bool
	// Allocate: ServiceEntries without addresses get virtual ones (ISTIO_META_DNS_AUTO_ALLOCATE).
	Allocate bool
	// IPv6: the program's queries may come over IPv6.
	IPv6 bool
}

func dnsOf(p Proxy) DNSProxy {
	if p.Type != Sidecar || p.Mode != Redirected || p.Metadata["DNS_CAPTURE"] != "true" {
		return DNSProxy{}
	}
	d := DNSProxy{Capture: true, Allocate: p.Metadata["DNS_AUTO_ALLOCATE"] == "true"}
	for _, a := range p.Addresses {
		ip, err := netip.ParseAddr(a)
		d.IPv6 = d.IPv6 || err == nil && ip.Is6()
	}
	return d
}

// allocated gives a service of a ServiceEntry that has no address, and whose clients are told where to go by no other way, virtual ones.
// They follow from its name alone, so that every control plane and every proxy agrees on them whatever else there is.
func allocated(s *Service) *Service {
	if len(s.Addresses) > 0 || s.Headless || s.Name != "" || strings.Contains(s.Host, "*") || s.Resolution == Passthrough || s.Resolution == DynamicDNS {
		return s
	}
	out := *s
	out.Addresses = autoAddresses(s.Namespace + "/" + s.Host)
	out.Digest = digest.Of(struct {
		Before    config.Digest
		Addresses []string
	}{s.Digest, out.Addresses})
	return &out
}

// autoAddresses are taken from networks that nobody routes, where Istio has its own: a part of the former class E (wider than Istio's
// 240.240.0.0/16, since nothing is written down that could keep two hosts apart), and of the block for benchmarks.
func autoAddresses(of string) []string {
	h := xxh3.HashString128(of)
	v4 := [4]byte{}
	binary.BigEndian.PutUint32(v4[:], 0xf0000000|uint32(h.Lo)&0x07ffffff|1)
	v6 := [16]byte{0x20, 0x01, 0, 2}
	binary.BigEndian.PutUint64(v6[8:], h.Hi)
	return []string{netip.AddrFrom4(v4).String(), netip.AddrFrom16(v6).String()}
}

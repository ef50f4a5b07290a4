package translate

import (
	"cmp"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/data/dns/v3"
	dnsfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/udp/dns_filter/v3"
	caresv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/network/dns_resolver/cares/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meshctl/meshctl/pkg/mesh"
)

const (
	// DNSPort is where redirected sidecars take DNS queries, as Istio's.
	DNSPort = 15053
	// dnsPending bounds the queries that wait for the servers of the machine.
	dnsPending = 256
	// dnsTTL is for how long programs keep an answer, in seconds, as with Istio.
	dnsTTL = 30
)

// DNSInput is what the listeners for DNS queries depend on.
type DNSInput struct {
	Config *mesh.Config
	// Names that the proxy answers itself, by name; others go to the name servers of the machine.
	Names []DNSName
	IPv6  bool
}

// DNSName is a name with its addresses.
type DNSName struct {
	Name      string
	Addresses []string
}

// DNSNames lists the services of a scope that have addresses, under every name by which its programs may call them.
func DNSNames(s *mesh.Scope) []DNSName {
	var out []DNSName
	seen := map[string]bool{}
	for _, svc := range s.Services {
		addresses, _ := addresses(svc.Service)
		if len(addresses) == 0 || svc.Host == "*" {
			continue
		}
		for _, name := range hostNames(DomainsInput{Host: svc.Host, Service: svc.Service, Namespace: s.Key.Namespace, DomainSuffix: s.Config.DomainSuffix}) {
			if !seen[name] {
				seen[name] = true
				out = append(out, DNSName{Name: name, Addresses: addresses})
			}
		}
	}
	slices.SortFunc(out, func(a, b DNSName) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// DNSListeners answer DNS queries of a redirected sidecar's program: over UDP by Envoy's own filter, over TCP by the server that was
// asked. See https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/udp_filters/dns_filter.
func DNSListeners(in DNSInput) []*listenerv3.Listener {
	out := []*listenerv3.Listener{dnsOverUDP(in, "dns-udp", "127.0.0.1"), dnsOverTCP(in, "dns-tcp", "127.0.0.1")}
	if in.IPv6 {
		out = append(out, dnsOverUDP(in, "dns-udp6", "::1"), dnsOverTCP(in, "dns-tcp6", "::1"))
	}
	return out
}

func dnsOverUDP(in DNSInput, name, host string) *listenerv3.Listener {
	at := address(host, DNSPort)
	at.GetSocketAddress().Protocol = corev3.SocketAddress_UDP
	table := &dnsv3.DnsTable{}
	for _, n := range in.Names {
		table.VirtualDomains = append(table.VirtualDomains, &dnsv3.DnsTable_DnsVirtualDomain{
			Name: n.Name, AnswerTtl: &durationpb.Duration{Seconds: dnsTTL},
			Endpoint: &dnsv3.DnsTable_DnsEndpoint{EndpointConfig: &dnsv3.DnsTable_DnsEndpoint_AddressList{
				AddressList: &dnsv3.DnsTable_AddressList{Address: n.Addresses},
			}},
		})
	}
	return &listenerv3.Listener{
		Name: name, Address: at, TrafficDirection: corev3.TrafficDirection_OUTBOUND,
		ListenerFilters: []*listenerv3.ListenerFilter{{
			Name: "envoy.filters.udp.dns_filter",
			ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: pack(&dnsfilterv3.DnsFilterConfig{
				StatPrefix: "dns",
				ServerConfig: &dnsfilterv3.DnsFilterConfig_ServerContextConfig{
					ConfigSource: &dnsfilterv3.DnsFilterConfig_ServerContextConfig_InlineDnsTable{InlineDnsTable: table},
				},
				ClientConfig: &dnsfilterv3.DnsFilterConfig_ClientContextConfig{
					MaxPendingLookups: dnsPending,
					TypedDnsResolverConfig: &corev3.TypedExtensionConfig{
						Name: "envoy.network.dns_resolver.cares",
						// What programs ask for is complete: they have added the search domains themselves.
						TypedConfig: pack(&caresv3.CaresDnsResolverConfig{DnsResolverOptions: &corev3.DnsResolverOptions{NoDefaultSearchDomain: true}}),
					},
				},
			})},
		}},
	}
}

func dnsOverTCP(in DNSInput, name, host string) *listenerv3.Listener {
	through := Chain{Clusters: []WeightedCluster{{Name: PassthroughCluster, Weight: 100}}, StatPrefix: name}
	return &listenerv3.Listener{
		Name: name, Address: address(host, DNSPort), TrafficDirection: corev3.TrafficDirection_OUTBOUND,
		ListenerFilters: []*listenerv3.ListenerFilter{originalDestination()},
		FilterChains:    []*listenerv3.FilterChain{{Filters: ListenerInput{Config: in.Config}.traffic().tcpFilters(through)}},
	}
}

//go:build linux

package redirect

import (
	"net/netip"
	"strings"
)

// rule is a list of conditions that ends in a verdict.
type rule []term

func (r rule) String() string {
	texts := make([]string, len(r))
	for i, t := range r {
		texts[i] = t.text
	}
	return strings.Join(texts, " ")
}

var (
	loopback4 = netip.MustParsePrefix("127.0.0.1/32")
	loopback6 = netip.MustParsePrefix("::1/128")
)

// passthrough are the addresses from which Envoy connects to the program: only by them can its connections be told from
// those that it makes on somebody's behalf to the pod's own address.
func passthrough() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.6/32"), netip.MustParsePrefix("::6/128")}
}

const (
	dns = 53
	// hbone is the port of Istio's tunnels, which are never captured.
	hbone = 15008
)

// inbound are the rules for packets that come in.
func (o Options) inbound() []rule {
	rules := []rule{}
	for _, name := range o.ExcludeInterfaces {
		rules = append(rules, rule{iif(name), leave()})
	}
	rules = append(rules, rule{tcp(true), leave()}, rule{tcpPort(hbone, false), leave()})
	for _, port := range o.InboundExclude {
		rules = append(rules, rule{tcpPort(port, false), leave()})
	}
	if o.Inbound.All {
		return append(rules, rule{tcp(false), to(o.InboundPort)})
	}
	for _, port := range o.Inbound.List {
		rules = append(rules, rule{tcpPort(port, false), to(o.InboundPort)})
	}
	return rules
}

// outbound are the rules for packets that programs of this namespace send, in the order in which they are asked.
func (o Options) outbound() []rule {
	rules := []rule{}
	for _, name := range o.ExcludeInterfaces {
		rules = append(rules, rule{oif(name), leave()})
	}
	rules = append(rules, o.udpDNS()...)
	rules = append(rules, rule{tcp(true), leave()})
	for _, port := range o.OutboundExcludePorts {
		rules = append(rules, rule{tcpPort(port, false), leave()})
	}
	rules = append(rules, o.loopbackRules()...)
	for _, prefix := range o.OutboundExclude {
		rules = append(rules, rule{destination(prefix, false), leave()})
	}
	for _, port := range o.OutboundPorts {
		rules = append(rules, rule{tcpPort(port, false), to(o.OutboundPort)})
	}
	if o.Outbound.All {
		return append(rules, rule{tcp(false), to(o.OutboundPort)})
	}
	for _, prefix := range o.Outbound.List {
		rules = append(rules, rule{tcp(false), destination(prefix, false), to(o.OutboundPort)})
	}
	return rules
}

// loopbackRules tell apart who speaks on loopback. What the proxy sends to the pod's own address (the program called its
// own service) goes through its inbound side; everything else of the proxy, and what programs say to each other on
// loopback, is left alone.
func (o Options) loopbackRules() []rule {
	lo := oif("lo")
	rules := []rule{}
	for _, prefix := range passthrough() {
		rules = append(rules, rule{lo, source(prefix), leave()})
	}
	for _, owner := range o.owners() {
		for _, own := range []netip.Prefix{loopback4, loopback6} {
			rules = append(rules, rule{lo, destination(own, true), tcpPort(hbone, true), owner, to(o.InboundPort)})
		}
	}
	for _, owner := range o.owners() {
		rules = append(rules, rule{owner, leave()})
	}
	if o.DNSPort != 0 {
		rules = append(rules, o.toServers(tcpPort(dns, false))...)
	}
	return append(rules, rule{lo, leave()},
		rule{destination(loopback4, false), leave()}, rule{destination(loopback6, false), leave()})
}

func (o Options) udpDNS() []rule {
	if o.DNSPort == 0 {
		return nil
	}
	rules := []rule{}
	for _, owner := range o.owners() {
		rules = append(rules, rule{udpPort(dns), owner, leave()})
	}
	return append(rules, o.toServers(udpPort(dns))...)
}

// toServers sends what query matches to the DNS port.
func (o Options) toServers(query term) []rule {
	if len(o.DNSServers) == 0 {
		return []rule{{query, to(o.DNSPort)}}
	}
	rules := []rule{}
	for _, server := range o.DNSServers {
		rules = append(rules, rule{query, destination(netip.PrefixFrom(server, server.BitLen()), false), to(o.DNSPort)})
	}
	return rules
}

func (o Options) owners() []term {
	owners := []term{}
	for _, id := range o.UIDs {
		owners = append(owners, uid(id))
	}
	for _, id := range o.GIDs {
		owners = append(owners, gid(id))
	}
	return owners
}

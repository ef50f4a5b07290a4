// Package redirect sends the TCP traffic of a network namespace to Envoy with nftables, under the rules that Istio
// documents for istio-iptables (https://github.com/istio/istio/wiki/Understanding-IPTables-snapshots and
// https://istio.io/latest/docs/reference/config/annotations/, traffic.sidecar.istio.io/*).
package redirect

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Options say what is sent where. The zero value sends nothing; Default is what a pod has.
type Options struct {
	// OutboundPort and InboundPort are Envoy's listeners.
	OutboundPort, InboundPort uint16
	// UIDs and GIDs are the proxy's own: what it sends is left alone.
	UIDs, GIDs []uint32
	// Inbound are the ports whose incoming connections go to Envoy, except InboundExclude.
	Inbound        Ports
	InboundExclude []uint16
	// Outbound are the destinations that go to Envoy, except OutboundExclude and the ports in OutboundExcludePorts.
	Outbound             Prefixes
	OutboundExclude      []netip.Prefix
	OutboundExcludePorts []uint16
	// OutboundPorts go to Envoy also outside of Outbound.
	OutboundPorts []uint16
	// ExcludeInterfaces are left alone in both directions.
	ExcludeInterfaces []string
	// DNSPort, when not 0, receives DNS queries (UDP and TCP port 53) to DNSServers, or to all servers when that is empty.
	DNSPort    uint16
	DNSServers []netip.Addr
}

// Ports is a set of ports or all of them.
type Ports struct {
	All  bool
	List []uint16
}

// Prefixes is a set of networks or all of them.
type Prefixes struct {
	All  bool
	List []netip.Prefix
}

// Default captures everything but the ports of the proxy itself.
func Default() Options {
	return Options{
		OutboundPort: 15001, InboundPort: 15006, UIDs: []uint32{1337}, GIDs: []uint32{1337},
		Inbound: Ports{All: true}, InboundExclude: []uint16{15090, 15021, 15020}, Outbound: Prefixes{All: true},
	}
}

// ParsePorts reads "80,443", "*" for all, or "".
func ParsePorts(list string) (Ports, error) {
	if strings.TrimSpace(list) == "*" {
		return Ports{All: true}, nil
	}
	var p Ports
	for part := range parts(list) {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || n == 0 {
			return p, fmt.Errorf("port %q: give a number from 1 to 65535", part)
		}
		p.List = append(p.List, uint16(n))
	}
	return p, nil
}

// ParsePrefixes reads "10.0.0.0/8,fd00::/8,192.0.2.1", "*" for all, or "".
func ParsePrefixes(list string) (Prefixes, error) {
	if strings.TrimSpace(list) == "*" {
		return Prefixes{All: true}, nil
	}
	var p Prefixes
	for part := range parts(list) {
		prefix, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || prefix.Addr().Zone() != "" {
			return p, fmt.Errorf("network %q: give an address or a network such as 10.0.0.0/8", part)
		}
		p.List = append(p.List, prefix.Masked())
	}
	return p, nil
}

// ParseIDs reads user or group IDs: "1337,1338".
func ParseIDs(list string) ([]uint32, error) {
	var ids []uint32
	for part := range parts(list) {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user or group %q: give a number", part)
		}
		ids = append(ids, uint32(n))
	}
	return ids, nil
}

func parts(list string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(list, ",") {
			if part = strings.TrimSpace(part); part != "" && !yield(part) {
				return
			}
		}
	}
}

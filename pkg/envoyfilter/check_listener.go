package envoyfilter

import (
	"errors"
	"fmt"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
)

// checkNewListener holds a listener that a patch adds to Envoy's rules.
func checkNewListener(value proto.Message) error {
	l := value.(*listenerv3.Listener)
	if l.GetName() == "" {
		return errors.New("a listener needs a name")
	}
	if l.GetName() == virtualInbound || strings.HasPrefix(l.GetName(), "inbound|") {
		return errors.New("the name is that of the mesh's inbound listener")
	}
	if l.GetAddress() == nil && l.GetInternalListener() == nil {
		return errors.New("a listener needs an address")
	}
	return checkListener(l, l.GetName())
}

// checkListener holds a listener to Envoy's rules; it must still have its name.
func checkListener(l *listenerv3.Listener, name string) error {
	if l.GetName() != name {
		return fmt.Errorf("its name would change to %q: leave name out of the value", l.GetName())
	}
	if err := validate(l); err != nil {
		return err
	}
	for _, f := range l.GetListenerFilters() {
		if err := checkFilter(listenerFilters, f); err != nil {
			return err
		}
	}
	for _, c := range chainsOf(l) {
		if err := checkChain(c); err != nil {
			return err
		}
	}
	return checkChainMatches(l.GetFilterChains())
}

func checkChain(c *listenerv3.FilterChain) error {
	for i, f := range c.GetFilters() {
		if err := checkFilter(networkFilters, f); err != nil {
			return err
		}
		last := i == len(c.GetFilters())-1
		switch {
		case f.GetTypedConfig() == nil: // discovered: nobody knows yet
		case terminalNetwork(f) && !last:
			return fmt.Errorf("%s ends its filter chain, and %s comes after it", f.GetName(), c.GetFilters()[i+1].GetName())
		case !terminalNetwork(f) && last:
			return fmt.Errorf("%s is the last of its filter chain and ends no connection", f.GetName())
		}
		if manager := managerOf(f); manager != nil {
			if err := checkManager(manager); err != nil {
				return err
			}
		}
	}
	return nil
}

// terminalNetwork reports whether a network filter ends its chain.
func terminalNetwork(f *listenerv3.Filter) bool {
	name, found := strings.CutPrefix(string(f.GetTypedConfig().MessageName()), "envoy.extensions.filters.network.")
	if !found {
		return false
	}
	switch kind, _, _ := strings.Cut(name, "."); kind {
	case "http_connection_manager", "tcp_proxy", "redis_proxy", "thrift_proxy", "dubbo_proxy", "generic_proxy", "direct_response", "echo", "reverse_tunnel":
		return true
	}
	return false
}

// terminalHTTP reports whether an HTTP filter ends its chain.
func terminalHTTP(f *hcmv3.HttpFilter) bool {
	return f.GetTypedConfig().MessageName() == "envoy.extensions.filters.http.router.v3.Router"
}

func checkManager(m *hcmv3.HttpConnectionManager) error {
	filters := m.GetHttpFilters()
	for i, f := range filters {
		if err := checkFilter(httpFilters, f); err != nil {
			return err
		}
		last := i == len(filters)-1
		switch {
		case terminalHTTP(f) && !last:
			return fmt.Errorf("the router must be the last HTTP filter, and %s comes after it", filters[i+1].GetName())
		case last && !terminalHTTP(f) && f.GetTypedConfig() != nil:
			return fmt.Errorf("the router must be the last HTTP filter, and the last is %s", f.GetName())
		}
	}
	if len(filters) == 0 {
		return errors.New("the connection manager has no HTTP filters left; the router must be there")
	}
	if m.GetRouteConfig() != nil {
		return checkRoute(m.GetRouteConfig(), m.GetRouteConfig().GetName())
	}
	return nil
}

// checkChainMatches makes sure that no connection is for two chains: Envoy refuses the listener.
func checkChainMatches(chains []*listenerv3.FilterChain) error {
	seen := map[string]string{}
	for _, c := range chains {
		m := c.GetFilterChainMatch()
		if combinations(m) > maxCombinations {
			return fmt.Errorf("the match of the filter chain %q combines more than %d names, protocols and ranges", c.GetName(), maxCombinations)
		}
		for _, key := range matchKeys(m) {
			if other, taken := seen[key]; taken {
				return fmt.Errorf("the filter chains %q and %q take the same connections", other, c.GetName())
			}
			seen[key] = c.GetName()
		}
	}
	return nil
}

// maxCombinations bounds what one match may ask of whoever compares it with the others.
const maxCombinations = 1 << 16

func combinations(m *listenerv3.FilterChainMatch) int {
	return len(orAny(m.GetServerNames())) * len(orAny(m.GetApplicationProtocols())) * max(1, len(m.GetPrefixRanges()))
}

// matchKeys lists every combination of what a match allows.
func matchKeys(m *listenerv3.FilterChainMatch) []string {
	rest := proto.CloneOf(m)
	if rest == nil {
		rest = &listenerv3.FilterChainMatch{}
	}
	names, protocols := orAny(rest.GetServerNames()), orAny(rest.GetApplicationProtocols())
	var ranges []string
	for _, r := range rest.GetPrefixRanges() {
		ranges = append(ranges, fmt.Sprintf("%s/%d", r.GetAddressPrefix(), r.GetPrefixLen().GetValue()))
	}
	ranges = orAny(ranges)
	rest.ServerNames, rest.ApplicationProtocols, rest.PrefixRanges = nil, nil, nil
	encoded, _ := proto.MarshalOptions{Deterministic: true}.Marshal(rest)
	var out []string
	for _, n := range names {
		for _, p := range protocols {
			for _, r := range ranges {
				out = append(out, strings.Join([]string{string(encoded), strings.ToLower(n), p, r}, "\x00"))
			}
		}
	}
	return out
}

func orAny(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

package envoyfilter

import (
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	networking "istio.io/api/networking/v1alpha3"
)

// concernsListener reports whether the patch is for a listener, as far as that shows without looking into it.
func (p *Patch) concernsListener(at Place) bool {
	if !p.in(at.Context) {
		return false
	}
	m := p.match.GetListener()
	if m == nil {
		return true
	}
	if !hasName(at.Names, m.GetName()) {
		return false
	}
	whole := hasPort(at.Whole, m.GetPortNumber())
	switch p.applyTo {
	case networking.EnvoyFilter_LISTENER:
		return whole || !at.Virtual && hasPort(at.Ports, m.GetPortNumber())
	case networking.EnvoyFilter_LISTENER_FILTER:
		return at.Virtual || whole || hasPort(at.Ports, m.GetPortNumber())
	}
	return at.Virtual || hasPort(at.Ports, m.GetPortNumber())
}

// matchesChain reports whether the patch is for one of the listener's filter chains.
func (p *Patch) matchesChain(at Place, chain *listenerv3.FilterChain) bool {
	m := p.match.GetListener()
	if m == nil {
		return true
	}
	match := chain.GetFilterChainMatch()
	if at.Virtual && m.GetPortNumber() != 0 && match.GetDestinationPort().GetValue() != m.GetPortNumber() {
		return false
	}
	want := m.GetFilterChain()
	if want == nil {
		return true
	}
	port := match.GetDestinationPort().GetValue()
	if port == 0 && at.Context == Inbound && len(at.Ports) > 0 {
		port = at.Ports[0]
	}
	switch {
	case want.GetName() != "" && want.GetName() != chain.GetName(),
		want.GetSni() != "" && !slices.Contains(match.GetServerNames(), want.GetSni()),
		want.GetTransportProtocol() != "" && want.GetTransportProtocol() != match.GetTransportProtocol(),
		want.GetDestinationPort() != 0 && want.GetDestinationPort() != port:
		return false
	}
	if want.GetApplicationProtocols() == "" {
		return true
	}
	for protocol := range strings.SplitSeq(want.GetApplicationProtocols(), ",") {
		if !slices.Contains(match.GetApplicationProtocols(), strings.TrimSpace(protocol)) {
			return false
		}
	}
	return true
}

// chainNames describes a listener's chains to people who look for one.
func chainNames(l *listenerv3.Listener) []string {
	var out []string
	for _, c := range chainsOf(l) {
		words := []string{quoted(c.GetName())}
		m := c.GetFilterChainMatch()
		if n := m.GetDestinationPort(); n != nil {
			words = append(words, "port "+number(n.GetValue()))
		}
		if m.GetTransportProtocol() != "" {
			words = append(words, m.GetTransportProtocol())
		}
		words = append(words, m.GetServerNames()...)
		out = append(out, strings.Join(words, " "))
	}
	return out
}

func chainsOf(l *listenerv3.Listener) []*listenerv3.FilterChain {
	if d := l.GetDefaultFilterChain(); d != nil {
		return append(slices.Clone(l.GetFilterChains()), d)
	}
	return l.GetFilterChains()
}

package proxyconfig

import (
	"cmp"
	"slices"
	"strings"
)

// ListenerRow is one filter chain of one listener.
type ListenerRow struct {
	Name        string   `json:"name"`
	Addresses   []string `json:"addresses"`
	Port        int      `json:"port,omitempty"`
	Match       string   `json:"match"`       // which connections the chain takes; "ALL" for every one
	Destination string   `json:"destination"` // "Route: 9080", "Inline Route: /*", "Cluster: NAME"
	Type        string   `json:"type"`        // of the listener: "HTTP", "TCP", "HTTP+TCP"
	Direction   string   `json:"direction,omitempty"`
	Chain       string   `json:"chain,omitempty"`
	TLS         string   `json:"tls,omitempty"` // "mTLS" or "TLS" when the chain terminates it
	Origins     []Origin `json:"origins,omitempty"`
	State       State    `json:"state"`
	Version     string   `json:"version,omitempty"`
	Error       string   `json:"error,omitempty"`
}

// ListenerRows returns the rows of the listeners that f selects, ordered by port and address; the chains of a listener
// keep their order.
func (d *Dump) ListenerRows(f Filter) []ListenerRow {
	rows := []ListenerRow{}
	for _, r := range d.Listeners {
		if one := listenerRows(r); len(one) > 0 && f.listener(one[0]) {
			rows = append(rows, one...)
		}
	}
	slices.SortStableFunc(rows, func(a, b ListenerRow) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), slices.Compare(a.Addresses, b.Addresses), strings.Compare(a.Name, b.Name),
			strings.Compare(string(a.State), string(b.State)))
	})
	return rows
}

func listenerRows(r Resource) []ListenerRow {
	host, port := address(object(r.Body, "address"))
	base := ListenerRow{
		Name: r.Name, Addresses: []string{host}, Port: port, State: r.State, Version: r.Version, Error: r.Error,
		Direction: strings.ToLower(strings.TrimPrefix(text(r.Body, "traffic_direction"), "UNSPECIFIED")),
		Type:      listenerType(r.Body), Match: "ALL", Origins: originOf(r.Body),
	}
	for _, more := range objects(r.Body, "additional_addresses") {
		host, _ := address(object(more, "address"))
		base.Addresses = append(base.Addresses, host)
	}
	var rows []ListenerRow
	for _, chain := range chains(r.Body) {
		row := base
		row.Chain = text(chain, "name")
		row.Match = chainMatch(object(chain, "filter_chain_match"))
		row.Destination = chainDestination(chain)
		row.TLS = chainTLS(chain)
		if own := originOf(chain); own != nil {
			row.Origins = own
		}
		rows = append(rows, row)
	}
	if rows == nil { // e.g. a UDP listener
		base.Destination = "Non-HTTP/Non-TCP"
		rows = append(rows, base)
	}
	return rows
}

// chains returns the filter chains, the default one last.
func chains(listener Tree) []Tree {
	all := objects(listener, "filter_chains")
	if last := object(listener, "default_filter_chain"); last != nil {
		all = append(all, last)
	}
	return all
}

const (
	httpFilter = "HttpConnectionManager"
	tcpFilter  = "TcpProxy"
)

// filterOf finds the configuration of the network filter whose type ends in kind.
func filterOf(chain Tree, kind string) Tree {
	for _, f := range objects(chain, "filters") {
		if config := object(f, "typed_config"); strings.HasSuffix(text(config, "@type"), "."+kind) {
			return config
		}
	}
	return nil
}

func listenerType(listener Tree) string {
	var http, tcp bool
	for _, c := range chains(listener) {
		http = http || filterOf(c, httpFilter) != nil
		tcp = tcp || filterOf(c, tcpFilter) != nil
	}
	switch {
	case http && tcp:
		return "HTTP+TCP"
	case http:
		return "HTTP"
	case tcp:
		return "TCP"
	default:
		return "UNKNOWN"
	}
}

func (f Filter) listener(r ListenerRow) bool {
	return matchPort(f.Port, r.Port) && matchAny(f.Address, r.Addresses) && match(f.Type, r.Type) && match(f.Name, r.Name) &&
		match(f.Direction, r.Direction)
}

package proxyconfig

import (
	"cmp"
	"slices"
	"strings"
)

// RouteRow is one route of one virtual host.
type RouteRow struct {
	Name           string   `json:"name"` // of the route configuration; empty for some within listeners
	VirtualHost    string   `json:"virtualHost"`
	Domains        []string `json:"domains"`
	Route          string   `json:"route,omitempty"` // the route's own name
	Match          string   `json:"match"`
	Destination    string   `json:"destination"`
	VirtualService string   `json:"virtualService,omitempty"`
	Origins        []Origin `json:"origins,omitempty"`
	State          State    `json:"state"`
	Version        string   `json:"version,omitempty"`
}

// RouteRows returns the rows of the routes that f selects. Route configurations and virtual hosts are ordered by name;
// routes stand in the order in which Envoy tries them.
func (d *Dump) RouteRows(f Filter) []RouteRow {
	rows := []RouteRow{}
	for _, r := range d.Routes {
		for _, vh := range objects(r.Body, "virtual_hosts") {
			for _, row := range virtualHostRows(r, vh) {
				if f.route(row) {
					rows = append(rows, row)
				}
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b RouteRow) int {
		return cmp.Or(compareNames(a.Name, b.Name), strings.Compare(a.VirtualHost, b.VirtualHost))
	})
	return rows
}

// compareNames orders ports before names, and ports by number.
func compareNames(a, b string) int {
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	if digits(a) && digits(b) && len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

func virtualHostRows(r Resource, vh Tree) []RouteRow {
	base := RouteRow{
		Name: r.Name, VirtualHost: text(vh, "name"), Domains: texts(vh, "domains"), State: r.State, Version: r.Version,
	}
	var rows []RouteRow
	for _, route := range objects(vh, "routes") {
		row := base
		row.Route = text(route, "name")
		row.Match = routeMatch(object(route, "match"))
		row.Destination = routeDestination(route)
		row.Origins = originOf(route)
		if row.Origins == nil {
			row.Origins = originOf(vh)
		}
		row.VirtualService = labels(row.Origins, "VirtualService", "HTTPRoute", "GRPCRoute", "TrafficSplit", "Ingress")
		rows = append(rows, row)
	}
	if rows == nil {
		base.Destination = "404"
		rows = append(rows, base)
	}
	return rows
}

// routeMatch writes "/prefix*", "/exact", "regex EXPR", and the names of what else must match.
func routeMatch(m Tree) string {
	var s string
	switch {
	case text(m, "path") != "":
		s = text(m, "path")
	case text(m, "path_separated_prefix") != "":
		s = text(m, "path_separated_prefix") + "/*"
	case object(m, "safe_regex") != nil:
		s = "regex " + text(m, "safe_regex", "regex")
	case object(m, "connect_matcher") != nil:
		s = "CONNECT"
	case object(m, "path_match_policy") != nil:
		s = "policy " + text(m, "path_match_policy", "name")
	default:
		s = text(m, "prefix") + "*"
	}
	for _, h := range objects(m, "headers") {
		s += " " + headerMatch(h)
	}
	for _, q := range objects(m, "query_parameters") {
		s += " ?" + text(q, "name") + stringMatch(object(q, "string_match"))
	}
	return s
}

func headerMatch(h Tree) string {
	name := strings.TrimPrefix(text(h, "name"), ":")
	if truth(h, "invert_match") {
		name = "!" + name
	}
	return name + stringMatch(object(h, "string_match"))
}

func stringMatch(m Tree) string {
	switch {
	case text(m, "exact") != "":
		return "=" + text(m, "exact")
	case text(m, "prefix") != "":
		return "=" + text(m, "prefix") + "*"
	case text(m, "suffix") != "":
		return "=*" + text(m, "suffix")
	case text(m, "contains") != "":
		return "=*" + text(m, "contains") + "*"
	case object(m, "safe_regex") != nil:
		return "~" + text(m, "safe_regex", "regex")
	default:
		return ""
	}
}

func (f Filter) route(r RouteRow) bool {
	return match(f.Name, r.Name) && (f.VirtualHost == "" || match(f.VirtualHost, r.VirtualHost) || matchAny(f.VirtualHost, r.Domains)) &&
		(f.FQDN == "" || strings.Contains(r.VirtualHost, f.FQDN))
}

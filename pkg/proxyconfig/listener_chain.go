package proxyconfig

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// chainMatch describes a filter_chain_match in the words of istioctl: "Trans: tls; App: istio; SNI: a,b; Addr: *:9080".
func chainMatch(m Tree) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+": "+value)
		}
	}
	add("SNI", strings.Join(texts(m, "server_names"), ","))
	add("Trans", text(m, "transport_protocol"))
	add("App", strings.Join(texts(m, "application_protocols"), ","))
	port := number(m, "destination_port")
	addr := prefixes(m, "prefix_ranges")
	switch {
	case addr != "" && port != 0:
		add("Addr", addr+":"+strconv.Itoa(port))
	case addr != "":
		add("Addr", addr)
	case port != 0:
		add("Addr", "*:"+strconv.Itoa(port))
	}
	add("Source", prefixes(m, "source_prefix_ranges"))
	if len(parts) == 0 {
		return "ALL"
	}
	return strings.Join(parts, "; ")
}

func prefixes(m Tree, field string) string {
	var out []string
	for _, r := range objects(m, field) {
		ip, bits := text(r, "address_prefix"), number(r, "prefix_len")
		if (bits == 32 && !strings.Contains(ip, ":")) || bits == 128 {
			out = append(out, ip)
		} else {
			out = append(out, fmt.Sprintf("%s/%d", ip, bits))
		}
	}
	return strings.Join(out, ",")
}

// chainDestination says where the chain's connections go.
func chainDestination(chain Tree) string {
	if hcm := filterOf(chain, httpFilter); hcm != nil {
		switch {
		case object(hcm, "rds") != nil:
			return "Route: " + text(hcm, "rds", "route_config_name")
		case object(hcm, "scoped_routes") != nil:
			return "Scoped Routes: " + text(hcm, "scoped_routes", "name")
		default:
			return "Inline Route: " + inlineRoutes(object(hcm, "route_config"))
		}
	}
	if tcp := filterOf(chain, tcpFilter); tcp != nil {
		if c := text(tcp, "cluster"); c != "" {
			return tcpDestination(c)
		}
		return "Cluster: " + weighted(objects(tcp, "weighted_clusters", "clusters"))
	}
	return "Non-HTTP/Non-TCP"
}

// tcpDestination leaves fixed names bare, as istioctl does: "PassthroughCluster".
func tcpDestination(cluster string) string {
	if _, ok := SplitClusterName(cluster); ok {
		return "Cluster: " + cluster
	}
	return cluster
}

func inlineRoutes(config Tree) string {
	seen := map[string]bool{}
	var out []string
	for _, vh := range objects(config, "virtual_hosts") {
		for _, r := range objects(vh, "routes") {
			if m := routeMatch(object(r, "match")); !seen[m] {
				seen[m] = true
				out = append(out, m)
			}
		}
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}

// weighted writes "a (90%), b (10%)".
func weighted(clusters []Tree) string {
	total := 0
	for _, c := range clusters {
		total += number(c, "weight")
	}
	out := make([]string, len(clusters))
	for i, c := range clusters {
		out[i] = text(c, "name")
		if total > 0 && len(clusters) > 1 {
			share := float64(number(c, "weight")) * 100 / float64(total)
			out[i] += " (" + strconv.FormatFloat(share, 'g', 3, 64) + "%)"
		}
	}
	return strings.Join(out, ", ")
}

func chainTLS(chain Tree) string {
	config := object(chain, "transport_socket", "typed_config")
	switch {
	case !strings.HasSuffix(text(config, "@type"), "DownstreamTlsContext"):
		return ""
	case truth(config, "require_client_certificate"):
		return "mTLS"
	default:
		return "TLS"
	}
}

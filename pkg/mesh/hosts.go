package mesh

import (
	"net/netip"
	"strings"
)

// fqdn expands a short name as Istio documents: a name without a dot is a Kubernetes Service of the object's own
// namespace ("reviews" in "default" is "reviews.default.svc.cluster.local"); every other name stands as it is, in lower case.
func fqdn(host, namespace, suffix string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || host == "*" || strings.Contains(host, ".") || isIP(host) {
		return host
	}
	return host + "." + namespace + ".svc." + suffix
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isWildcard reports whether host is "*" or starts with "*".
func isWildcard(host string) bool { return strings.HasPrefix(host, "*") }

// hostCovers reports whether every name that host stands for is one that pattern stands for. A wildcard is a leading
// "*", which stands for any prefix: "*.example.com" covers "a.b.example.com" but not "example.com".
func hostCovers(pattern, host string) bool {
	if !isWildcard(pattern) {
		return pattern == host
	}
	suffix := pattern[1:]
	if isWildcard(host) {
		return strings.HasSuffix(host[1:], suffix)
	}
	return len(host) > len(suffix) && strings.HasSuffix(host, suffix) || suffix == ""
}

// hostsMeet reports whether there is a name that both hosts stand for.
func hostsMeet(a, b string) bool { return hostCovers(a, b) || hostCovers(b, a) }

// wildcardsOf lists the wildcards that cover host and start at a label, most specific first and without host itself:
// "*.b.c", "*.c", "*" for "a.b.c".
func wildcardsOf(host string) []string {
	var out []string
	rest := strings.TrimPrefix(host, "*")
	if isWildcard(host) {
		rest = strings.TrimPrefix(rest, ".")
	}
	for {
		dot := strings.IndexByte(rest, '.')
		if dot < 0 {
			break
		}
		if isWildcard(host) || dot > 0 {
			out = append(out, "*"+rest[dot:])
		}
		rest = rest[dot+1:]
	}
	if host != "*" {
		out = append(out, "*")
	}
	return out
}

// moreSpecific orders hosts for "the most specific host wins": names before wildcards, longer ones first.
func moreSpecific(a, b string) int {
	if isWildcard(a) != isWildcard(b) {
		if isWildcard(b) {
			return -1
		}
		return 1
	}
	if len(a) != len(b) {
		return len(b) - len(a)
	}
	return strings.Compare(a, b)
}

func isLoopback(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && a.IsLoopback()
}

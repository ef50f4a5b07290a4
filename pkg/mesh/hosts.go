package mesh

import (
	"iter"
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

// wildcardsOf lists the wildcards in use that cover host, most specific first and without host itself: of "*.b.c", "*.c" and "*"
// for "a.b.c" those that some rule or VirtualService names.
func (t *tables) wildcardsOf(host string) []string {
	var out []string
	for suffix := range suffixes(host) {
		if t.wildcards.get(suffix) > 0 {
			out = append(out, "*"+suffix)
		}
	}
	return out
}

// suffixes ranges over what follows the "*" of each wildcard that covers a host, most specific first and without the host itself.
func suffixes(host string) iter.Seq[string] {
	return func(yield func(string) bool) {
		rest := strings.TrimPrefix(host, "*.")
		for {
			dot := strings.IndexByte(rest, '.')
			if dot < 0 {
				break
			}
			if !yield(rest[dot:]) {
				return
			}
			rest = rest[dot+1:]
		}
		if host != "*" {
			yield("")
		}
	}
}

// useWildcard counts the objects that use a wildcard host; a plain name is none.
func (t *update) useWildcard(host string, uses bool) {
	suffix, ok := strings.CutPrefix(host, "*")
	if !ok {
		return
	}
	n := t.wildcards.get(suffix)
	if uses {
		n++
	} else {
		n--
	}
	if n == 0 {
		t.wildcards.delete(suffix)
	} else {
		t.wildcards.set(suffix, n)
	}
}

func isCIDR(s string) bool {
	_, err := netip.ParsePrefix(s)
	return err == nil
}

func isLoopback(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && a.IsLoopback()
}

package rules

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// longest is the length of a value up to which Envoy compiles any expression that is made of it.
const longest = 2048

// valid reports whether all values of an attribute can be asked for.
func (r *reader) valid(at string, a Attribute, values []string) bool {
	all := true
	for i, v := range values {
		message, fix := check(a, v)
		if message != "" {
			r.fail(fmt.Sprintf("%s[%d]", at, i), message+r.skipped(), fix)
			all = false
		} else if literalStar(a, v) {
			r.warn(fmt.Sprintf("%s[%d]", at, i), "only a * at the start or the end stands for any text; another one is meant as it is", "")
		}
	}
	return all
}

// check returns what is wrong with a value, "" when nothing is.
func check(a Attribute, v string) (message, fix string) {
	switch {
	case v == "":
		return "a value must not be empty", ""
	case len(v) > longest:
		return fmt.Sprintf("a value has at most %d characters", longest), ""
	}
	switch a {
	case SourceIP, RemoteIP, DestinationIP:
		if _, ok := Range(v); !ok {
			return strconv.Quote(v) + " is neither an address nor a range", "for example 203.0.113.4 or 203.0.113.0/24"
		}
	case DestinationPort:
		if _, ok := Port(v); !ok {
			return strconv.Quote(v) + " is no port", "a number up to 65535"
		}
	case ServiceAccount:
		if namespace, name, found := strings.Cut(v, "/"); strings.Contains(v, "*") || namespace == "" || found && (name == "" || strings.Contains(name, "/")) {
			return strconv.Quote(v) + " is no service account", "NAMESPACE/NAME or NAME, without wildcards"
		}
	case TrustDomain:
		if inside(v) || strings.Contains(v, "/") {
			return strconv.Quote(v) + " is no trust domain", "for example cluster.local, or a wildcard at the start or the end"
		}
	case Path:
		return checkPath(v)
	case Principal:
		if strings.HasPrefix(v, "spiffe://") {
			return "a principal is written without spiffe://", strings.TrimPrefix(v, "spiffe://")
		}
		fallthrough
	case Host, Method, ServerName:
		if inside(v) {
			return "a * stands for any text only at the start or the end of " + strconv.Quote(v), "list the values, or use a prefix (abc*) or a suffix (*abc)"
		}
	}
	return "", ""
}

// inside reports whether a value has a * other than a leading or a trailing one.
func inside(v string) bool {
	if v == "*" {
		return false
	}
	if strings.HasPrefix(v, "*") {
		return strings.Contains(v[1:], "*")
	}
	return strings.Contains(strings.TrimSuffix(v, "*"), "*")
}

// literalStar reports whether a value of an attribute that takes any text has a * that stands for itself where its author may not
// mean that.
func literalStar(a Attribute, v string) bool {
	switch a {
	case RequestPrincipal, Audiences, Presenter, Claim, Header:
		return len(v) > 2 && strings.HasPrefix(v, "*") && strings.HasSuffix(v, "*")
	}
	return false
}

// Range reads an address or a range of them in CIDR notation. IPv4 written as IPv6 is IPv4.
func Range(v string) (netip.Prefix, bool) {
	if !strings.Contains(v, "/") {
		a, err := netip.ParseAddr(v)
		if a = a.Unmap(); err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(v)
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), err == nil
}

// Port reads a port; Istio takes 0 too.
func Port(v string) (uint32, bool) {
	n, err := strconv.ParseUint(v, 10, 16)
	return uint32(n), err == nil
}

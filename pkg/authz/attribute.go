package authz

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/pkg/authz/rules"
)

// test reports whether a value of a rule matches a request.
type test func(*facts) bool

// never is the test of values that nothing has.
func never(*facts) bool { return false }

// read returns what a request has of an attribute, for people; false when that is nothing.
func read(f *facts, c rules.Constraint) (string, bool) {
	switch c.Attribute {
	case rules.Principal:
		return strings.CutPrefix(f.Peer, spiffe)
	case rules.Namespace:
		return identityPart(f.Peer, "ns")
	case rules.ServiceAccount:
		return accountOf(f.Peer)
	case rules.TrustDomain:
		return trustDomain(f.Peer)
	case rules.SourceIP, rules.RemoteIP, rules.DestinationIP:
		a := f.address(c.Attribute)
		return a.String(), a.IsValid()
	case rules.DestinationPort:
		return strconv.FormatUint(uint64(f.Port), 10), f.Port != 0
	case rules.ServerName:
		return f.SNI, f.SNI != ""
	}
	if f.HTTP == nil {
		return "", false
	}
	switch c.Attribute {
	case rules.Host:
		return f.header(":authority")
	case rules.Method:
		return f.header(":method")
	case rules.Path:
		return f.route(), f.path != ""
	case rules.Header:
		return f.header(c.Key[0])
	case rules.RequestPrincipal:
		return f.requestPrincipal()
	case rules.Audiences, rules.Presenter, rules.Claim:
		v, ok := lookup(f.claims, claimPath(c))
		return render(v), ok
	}
	return "", false // what other filters noted is not known here
}

func (f *facts) address(a rules.Attribute) netip.Addr {
	switch a {
	case rules.SourceIP:
		return f.Source
	case rules.RemoteIP:
		return f.remote
	}
	return f.Destination
}

// testOf makes the test of one value of a constraint that is valid.
func testOf(c rules.Constraint, value string) test {
	switch c.Attribute {
	case rules.Namespace:
		return namespaceTest(value)
	case rules.ServiceAccount:
		return accountTest(value)
	case rules.SourceIP, rules.RemoteIP, rules.DestinationIP:
		block, ok := rules.Range(value)
		return func(f *facts) bool {
			a := f.address(c.Attribute)
			return ok && a.IsValid() && block.Contains(a)
		}
	case rules.DestinationPort:
		port, ok := rules.Port(value)
		return func(f *facts) bool { return ok && f.Port != 0 && f.Port == port }
	case rules.Path:
		if rules.IsTemplate(value) {
			return expressionTest(pathTemplate(value), func(f *facts) string { return f.route() })
		}
	case rules.Host:
		value = strings.ToLower(value)
		return func(f *facts) bool { host, ok := read(f, c); return ok && rules.Matches(value, strings.ToLower(host)) }
	case rules.RequestPrincipal:
		return requestPrincipalTest(value)
	case rules.Audiences, rules.Presenter, rules.Claim:
		path := claimPath(c)
		return func(f *facts) bool { v, ok := lookup(f.claims, path); return ok && matchesClaim(value, v) }
	case rules.Unknown, rules.FilterMetadata:
		return never
	}
	return func(f *facts) bool { got, ok := read(f, c); return ok && rules.Matches(value, got) }
}

// expressionTest matches a whole text with a regular expression; what is none matches nothing.
func expressionTest(expression string, text func(*facts) string) test {
	re, err := regexp.Compile("^(?:" + expression + ")$")
	if err != nil {
		return never
	}
	return func(f *facts) bool { return re.MatchString(text(f)) }
}

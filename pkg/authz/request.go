// Package authz decides as the proxies of the mesh do whether a workload takes a request, and says why: which policy and rule
// decided, what a rule misses that nearly matched, and what would change the verdict. It follows Istio's reference of
// AuthorizationPolicy, RequestAuthentication and PeerAuthentication; test/authzequal compares it with live Envoys.
//
// Compile reads the policies of a workload once; Check walks over them. The walk that decides is the one that explains.
package authz

import (
	"net/netip"
	"strings"
	"time"
)

// Request is what is known of a connection to a workload and of the request on it. What is not known is absent: no rule that asks for it
// matches, and every rule that only excludes values of it does.
type Request struct {
	// Peer is the SPIFFE id in the caller's certificate, "spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT". Empty means plaintext.
	Peer string
	// Source is the address from which the connection comes, Destination the one to which it goes.
	Source, Destination netip.Addr
	// Remote is the address of the original client by the PROXY protocol; zero is Source. Within the mesh x-forwarded-for in the request
	// counts more.
	Remote netip.Addr
	// Port of the workload (its target port); 0 is unknown.
	Port uint32
	// SNI is the server's name in the TLS handshake.
	SNI string
	// HTTP is nil when the proxy takes the connection for TCP.
	HTTP *HTTP
	// Now is the time at which tokens must be valid; zero takes every time for good.
	Now time.Time
}

// HTTP is a request.
type HTTP struct {
	Method string
	// Host is the authority, with a port if the client sends one.
	Host string
	// Path is what the client sends, with the query, before the proxy normalizes it.
	Path string
	// Headers in their order; of several with one name the values are joined by commas.
	Headers []Header
	// Claims of a valid token that the request carries besides those in its headers; nil is none.
	Claims map[string]any
	// Forged are tokens in the request whose signature is wrong. Signatures are not verified here: others are taken for genuine.
	Forged []string
}

// Header is one header of a request.
type Header struct{ Name, Value string }

// Facts is a request as the filters of the proxy see it.
type facts struct {
	*Request
	headers map[string]string // by lower-case name
	path    string            // normalized, with the query
	remote  netip.Addr
	claims  map[string]any // of the token that the proxy verified
}

// newFacts does what the connection manager does before the filters; ok is false when it refuses the path.
func newFacts(r *Request, p *Policies) (f *facts, ok bool) {
	seen := *r
	seen.Source, seen.Destination = r.Source.Unmap(), r.Destination.Unmap()
	f = &facts{Request: &seen, remote: seen.Source}
	if r.Remote.IsValid() {
		f.remote = r.Remote.Unmap()
	}
	if r.HTTP != nil {
		f.headers = map[string]string{}
		for _, h := range r.HTTP.Headers {
			name := strings.ToLower(h.Name)
			if before, twice := f.headers[name]; twice {
				f.headers[name] = before + "," + h.Value
			} else {
				f.headers[name] = h.Value
			}
		}
		p.withoutForgedClaims(f)
		if f.path, ok = normalizePath(r.HTTP.Path, p.normalization); !ok {
			return f, false
		}
		if client, found := forwardedFor(f.headers["x-forwarded-for"]); found && !p.edge {
			f.remote = client
		}
	}
	return f, true
}

// forwardedFor is the client that the nearest proxy names: the last address. An IPv4 address that is written as IPv6 stays one.
func forwardedFor(header string) (netip.Addr, bool) {
	last := header
	if i := strings.LastIndexByte(header, ','); i >= 0 && i+1 < len(header) {
		last = header[i+1:]
	}
	addr, err := netip.ParseAddr(strings.TrimSpace(last))
	return addr, err == nil && addr.Zone() == ""
}

// header returns a header as rules name it, pseudo-headers included.
func (f *facts) header(name string) (string, bool) {
	switch name = strings.ToLower(name); name {
	case ":method":
		return f.HTTP.Method, f.HTTP.Method != ""
	case ":path":
		return f.path, f.path != ""
	case ":authority", "host":
		return f.HTTP.Host, f.HTTP.Host != ""
	case "x-forwarded-proto":
		if _, given := f.headers[name]; !given {
			return f.scheme(), true
		}
	}
	value, ok := f.headers[name]
	return value, ok
}

func (f *facts) scheme() string {
	if f.Peer != "" {
		return "https"
	}
	return "http"
}

// route is the path without query.
func (f *facts) route() string {
	route, _, _ := strings.Cut(f.path, "?")
	return route
}

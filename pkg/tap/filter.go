package tap

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Filter is what a proxy can tell of a request by itself. Every field that is set must be met, by any of its values; the zero Filter takes
// everything. Agents decide by it what leaves the proxy's side.
type Filter struct {
	Methods []string `json:"methods,omitempty"` // upper case
	// Paths are patterns in which * stands for anything, slashes included. They are compared without the query, unless they have a ?.
	Paths    []string   `json:"paths,omitempty"`
	Statuses []Statuses `json:"statuses,omitempty"`
	// Headers must all be met.
	Headers []HeaderMatch `json:"headers,omitempty"`
	// MinDuration is the shortest of interest.
	MinDuration time.Duration `json:"minDuration,omitempty"`
	// Side is the only one of interest; empty for any.
	Side Side `json:"side,omitempty"`
	// Hosts are the services of interest where the proxy knows for which one a request is: on the client side and at gateways.
	Hosts []string `json:"hosts,omitempty"`
}

// HeaderMatch wants a header of the request to be like a pattern, in which * stands for anything.
type HeaderMatch struct {
	Name    string `json:"name"` // lower case
	Pattern string `json:"pattern"`
}

// ParseHeader reads "NAME=PATTERN" or "NAME" alone, which wants the header to be there.
func ParseHeader(text string) (HeaderMatch, error) {
	name, pattern, found := strings.Cut(text, "=")
	if !found {
		pattern = "*"
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "" || strings.ContainsAny(name, " :\t") {
		return HeaderMatch{}, fmt.Errorf("header %q: give NAME=VALUE, with * in VALUE for anything", text)
	}
	if SecretHeader(name) {
		return HeaderMatch{}, fmt.Errorf("header %q: %s holds secrets, which are neither shown nor compared", text, name)
	}
	return HeaderMatch{name, pattern}, nil
}

// String is what ParseHeader reads.
func (h HeaderMatch) String() string { return h.Name + "=" + h.Pattern }

// Match reports whether an event meets the filter.
func (f Filter) Match(e *Event) bool {
	switch {
	case f.Side != "" && e.Side != f.Side,
		len(f.Hosts) > 0 && e.Side != Server && e.Destination.Service != "" && !slices.Contains(f.Hosts, e.Destination.Service),
		e.DurationMs < float64(f.MinDuration)/float64(time.Millisecond),
		len(f.Methods) > 0 && !slices.Contains(f.Methods, strings.ToUpper(e.Method)),
		len(f.Statuses) > 0 && !slices.ContainsFunc(f.Statuses, func(s Statuses) bool { return e.Protocol != "TCP" && s.has(e.Status) }),
		len(f.Paths) > 0 && !slices.ContainsFunc(f.Paths, func(p string) bool { return e.Protocol != "TCP" && pathLike(p, e.Path) }):
		return false
	}
	for _, h := range f.Headers {
		value, found := e.header(h.Name)
		if !found || !glob(h.Pattern, value) {
			return false
		}
	}
	return true
}

func pathLike(pattern, path string) bool {
	if !strings.Contains(pattern, "?") {
		path, _, _ = strings.Cut(path, "?")
	}
	return glob(pattern, path)
}

func (e *Event) header(name string) (value string, found bool) {
	switch name {
	case "host", "authority":
		return e.Authority, e.Authority != ""
	case "x-request-id":
		return e.RequestID, e.RequestID != ""
	}
	value, found = e.Headers[name]
	return value, found
}

// Reportable says whether a header of requests can be compared in a mesh that logs some headers besides.
func Reportable(name string, logged []string) bool {
	return name == "host" || name == "authority" || name == "x-request-id" || slices.Contains(Headers(logged), name)
}

package translate

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	networking "istio.io/api/networking/v1alpha3"
)

// headerOperations are changes to requests and responses. The host is no header to Envoy, but part of the route.
type headerOperations struct {
	host                          string
	requestSet, responseSet       []*corev3.HeaderValueOption
	requestRemove, responseRemove []string
}

// headerOperations translates `headers` of a rule or of a destination, in the order of the names.
func (b *routeBuilder) headerOperations(h *networking.Headers, path string) headerOperations {
	var out headerOperations
	request := h.GetRequest()
	for _, m := range [...]map[string]string{request.GetSet(), request.GetAdd()} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if isHost(name) && b.sendable(m[name], path+".request") != "" {
				out.host = m[name]
			}
		}
	}
	out.requestSet = b.headerValues(request, path+".request")
	out.requestRemove = b.headerNames(request.GetRemove(), path+".request.remove")
	out.responseSet = b.headerValues(h.GetResponse(), path+".response")
	out.responseRemove = b.headerNames(h.GetResponse().GetRemove(), path+".response.remove")
	return out
}

// merge adds operations that come after.
func (o *headerOperations) merge(more headerOperations) {
	if more.host != "" {
		o.host = more.host
	}
	o.requestSet = append(o.requestSet, more.requestSet...)
	o.responseSet = append(o.responseSet, more.responseSet...)
	o.requestRemove = append(o.requestRemove, more.requestRemove...)
	o.responseRemove = append(o.responseRemove, more.responseRemove...)
}

func (o *headerOperations) applyTo(r *routev3.Route) {
	r.RequestHeadersToAdd, r.RequestHeadersToRemove = o.requestSet, o.requestRemove
	r.ResponseHeadersToAdd, r.ResponseHeadersToRemove = o.responseSet, o.responseRemove
}

func (o *headerOperations) applyToCluster(w *routev3.WeightedCluster_ClusterWeight) {
	w.RequestHeadersToAdd, w.RequestHeadersToRemove = o.requestSet, o.requestRemove
	w.ResponseHeadersToAdd, w.ResponseHeadersToRemove = o.responseSet, o.responseRemove
	if o.host != "" {
		w.HostRewriteSpecifier = &routev3.WeightedCluster_ClusterWeight_HostRewriteLiteral{HostRewriteLiteral: o.host}
	}
}

func (b *routeBuilder) headerValues(h *networking.Headers_HeaderOperations, path string) []*corev3.HeaderValueOption {
	var out []*corev3.HeaderValueOption
	add := func(values map[string]string, field string, action corev3.HeaderValueOption_HeaderAppendAction) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if isHost(name) {
				continue
			}
			if !settable(name) || !headerValue(values[name]) {
				b.notes.fail(path+"."+field+"."+name, "not a header that can be sent", "check the name and the value for characters that HTTP forbids")
				continue
			}
			out = append(out, &corev3.HeaderValueOption{
				Header: &corev3.HeaderValue{Key: name, Value: b.formatted(values[name], path+"."+field+"."+name)}, AppendAction: action, KeepEmptyValue: true,
			})
		}
	}
	add(h.GetSet(), "set", corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD)
	add(h.GetAdd(), "add", corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD)
	return out
}

func (b *routeBuilder) headerNames(names []string, path string) []string {
	var out []string
	for _, n := range names {
		if isHost(n) || !settable(n) {
			b.notes.fail(path, strconv.Quote(n)+" cannot be removed from a request or response", "remove it from the list")
			continue
		}
		out = append(out, n)
	}
	return out
}

func isHost(name string) bool { return strings.EqualFold(name, "host") || name == ":authority" }

// settable reports whether Envoy lets routes set and remove a header: it refuses those that begin with a colon.
func settable(name string) bool { return headerName(name) && name[0] != ':' }

// headerName reports whether a string is the name of an HTTP header (RFC 9110, token).
func headerName(s string) bool {
	for _, c := range []byte(s) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 {
			continue
		}
		return s[0] == ':' && c == ':' && (s == ":method" || s == ":authority" || s == ":scheme")
	}
	return s != ""
}

// sendable returns a value that can stand in a header, and "" for one that cannot, which is reported.
func (b *routeBuilder) sendable(value, path string) string {
	if headerValue(value) {
		return value
	}
	b.notes.fail(path, strconv.Quote(value)+" cannot be sent in a header; it is left out", "remove the control characters")
	return ""
}

// headerValue reports whether a string has no control characters, which would end a header.
func headerValue(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) < 0 && len(s) <= 16384
}

// formatted escapes percent signs that start no command: Envoy would refuse the whole route configuration.
func (b *routeBuilder) formatted(value, path string) string {
	var out strings.Builder
	for rest := value; ; {
		before, after, found := strings.Cut(rest, "%")
		out.WriteString(before)
		if !found {
			break
		}
		if strings.HasPrefix(after, "%") {
			out.WriteString("%%")
			rest = after[1:]
			continue
		}
		if command, tail, known := cutCommand(after); known {
			out.WriteString("%" + command + "%")
			rest = tail
			continue
		}
		b.notes.warn(path, "the value has a % that begins no command of Envoy's, and is sent as it is", "write %% for a percent sign")
		out.WriteString("%%")
		rest = after
	}
	return out.String()
}

package authz

import (
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"
)

// normalizePath returns a path with its query as the proxy's filters see it, by MeshConfig's pathNormalization: see Istio, "Path
// normalization", and Envoy's HttpConnectionManager. It reports false for a path that Envoy refuses.
func normalizePath(path string, n meshconfig.MeshConfig_ProxyPathNormalization_NormalizationType) (string, bool) {
	if strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' }) {
		return "", false // no path of HTTP/1.1, or one with a fragment
	}
	if n == meshconfig.MeshConfig_ProxyPathNormalization_NONE || path == "" || path == "*" {
		return path, true
	}
	path, query := splitQuery(path)
	if n == meshconfig.MeshConfig_ProxyPathNormalization_DECODE_AND_MERGE_SLASHES {
		path = strings.NewReplacer("%2F", "/", "%2f", "/", "%5C", `\`, "%5c", `\`).Replace(path)
	}
	path, ok := canonicalPath(path)
	if !ok {
		return "", false
	}
	switch n {
	case meshconfig.MeshConfig_ProxyPathNormalization_MERGE_SLASHES, meshconfig.MeshConfig_ProxyPathNormalization_DECODE_AND_MERGE_SLASHES:
		path = mergeSlashes(path)
	}
	return path + query, true
}

// splitQuery returns the path and the query with its question mark.
func splitQuery(path string) (string, string) {
	if i := strings.IndexByte(path, '?'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// mergeSlashes is Envoy's merge_slashes. A path of nothing but slashes keeps two.
func mergeSlashes(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	merged := strings.Join(parts, "/")
	if strings.HasPrefix(path, "/") {
		merged = "/" + merged
	}
	if strings.HasSuffix(path, "/") {
		merged += "/"
	}
	return merged
}

// canonicalPath is Envoy's normalize_path: dot segments go (RFC 3986, 5.2.4), backslashes become slashes, escapes of unreserved
// characters are decoded, other characters that a path must not have are escaped. It reports false for an escaped NUL.
func canonicalPath(path string) (string, bool) {
	out := make([]byte, 0, len(path))
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, `\`) {
		out = append(out, '/')
	}
	ok := true
	for i := 0; i < len(path); {
		if n := dot(path, i); n > 0 {
			var used int
			out, used = afterDot(out, path, i+n)
			i += n + used
			continue
		}
		switch c := path[i]; {
		case c == '\\':
			out = append(out, '/')
		case c == '%':
			if v, escaped := unescape(path, i); escaped {
				ok = ok && v != 0
				if unreserved(v) {
					out = append(out, v)
				} else {
					out = append(out, path[i:i+3]...)
				}
				i += 3
				continue
			}
			out = append(out, '%')
		case mustEscape(c):
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		default:
			out = append(out, c)
		}
		i++
	}
	return string(out), ok
}

const upperHex = "0123456789ABCDEF"

// dot returns the length of the dot at i, as it is or escaped; 0 when there is none.
func dot(path string, i int) int {
	if path[i] == '.' {
		return 1
	}
	if v, escaped := unescape(path, i); escaped && v == '.' {
		return 3
	}
	return 0
}

// afterDot handles a dot that was read up to i: alone in its segment it says nothing, twice it takes the segment before away, and else
// it is a character like others. used is how much more was read.
func afterDot(out []byte, path string, i int) (_ []byte, used int) {
	if len(out) == 0 || out[len(out)-1] != '/' {
		return append(out, '.'), 0
	}
	ends := func(i int) (int, bool) {
		if i >= len(path) {
			return 0, true
		}
		return 1, path[i] == '/' || path[i] == '\\'
	}
	if n, end := ends(i); end {
		return out, n
	}
	if second := dot(path, i); second > 0 {
		if n, end := ends(i + second); end {
			return parent(out), second + n
		}
	}
	return append(out, '.'), 0
}

// parent cuts the last segment off, which ends with a slash; the root stays.
func parent(out []byte) []byte {
	for i := len(out) - 2; i >= 0; i-- {
		if out[i] == '/' {
			return out[:i+1]
		}
	}
	return out[:1]
}

func unescape(path string, i int) (byte, bool) {
	if path[i] != '%' || i+2 >= len(path) {
		return 0, false
	}
	high, ok1 := hexDigit(path[i+1])
	low, ok2 := hexDigit(path[i+2])
	return high<<4 | low, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func unreserved(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("-._~", c) >= 0
}

func mustEscape(c byte) bool {
	return strings.IndexByte(`"<>?^{}`+"`|", c) >= 0
}

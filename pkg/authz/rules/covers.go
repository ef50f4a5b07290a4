package rules

import "strings"

// covers reports whether everything that value v of an attribute matches is matched by w too. False also means that it cannot be told.
func covers(a Attribute, w, v string) bool {
	if w == v {
		return true
	}
	switch a {
	case SourceIP, RemoteIP, DestinationIP:
		outer, ok := Range(w)
		inner, too := Range(v)
		return ok && too && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
	case DestinationPort:
		p, ok := Port(w)
		q, too := Port(v)
		return ok && too && p == q
	case ServiceAccount:
		return false
	case Namespace:
		return w == "*" || !strings.Contains(v, "*") && glob(w, v)
	case Path:
		if IsTemplate(w) || IsTemplate(v) {
			return w == "*" || w == "/*" && strings.HasPrefix(v, "/")
		}
	case Host:
		w, v = strings.ToLower(w), strings.ToLower(v)
	}
	return coversText(w, v)
}

// coversText is covers for text with at most one wildcard at an end.
func coversText(w, v string) bool {
	switch {
	case w == "*" || w == v:
		return true
	case v == "*":
		return false
	case strings.HasPrefix(w, "*"):
		return !strings.HasSuffix(v, "*") && strings.HasSuffix(v, w[1:])
	case strings.HasSuffix(w, "*"):
		return !strings.HasPrefix(v, "*") && strings.HasPrefix(strings.TrimSuffix(v, "*"), w[:len(w)-1])
	}
	return false
}

// meet reports whether something may be matched by both values. True also means that it cannot be told.
func meet(a Attribute, v, w string) bool {
	if covers(a, v, w) || covers(a, w, v) {
		return true
	}
	switch a {
	case SourceIP, RemoteIP, DestinationIP:
		p, ok := Range(v)
		q, too := Range(w)
		return !ok || !too || p.Overlaps(q)
	case DestinationPort, ServiceAccount:
		return false
	case Path:
		if IsTemplate(v) || IsTemplate(w) {
			return true
		}
	case Namespace:
		return strings.Contains(v, "*") && (strings.Contains(w, "*") || glob(v, w)) || strings.Contains(w, "*") && glob(w, v)
	case Host:
		v, w = strings.ToLower(v), strings.ToLower(w)
	}
	prefix := func(s string) bool { return strings.HasSuffix(s, "*") }
	suffix := func(s string) bool { return strings.HasPrefix(s, "*") }
	switch {
	case prefix(v) && prefix(w): // neither covers the other
		return false
	case suffix(v) && suffix(w):
		return false
	}
	return (prefix(v) || suffix(v)) && (prefix(w) || suffix(w))
}

// glob reports whether a pattern in which every * stands for any text matches all of a text.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = rest
	}
	return true
}

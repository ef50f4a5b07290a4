package adminapi

import (
	"fmt"
	"strings"
)

// Resolve finds the proxy that a user means: by "name", "name.namespace", "namespace/name", its node id, or a prefix of
// "name.namespace" that only one proxy has. A whole name wins over a prefix. The error is an *Error with candidates.
func Resolve(proxies []Proxy, name string) (Proxy, error) {
	var exact, prefix []Proxy
	for _, p := range proxies {
		full := p.Name + "." + p.Namespace
		switch {
		case name == p.ID || name == full || name == p.Namespace+"/"+p.Name || name == p.NodeID:
			return p, nil
		case name == p.Name:
			exact = append(exact, p)
		case name != "" && (strings.HasPrefix(full, name) || strings.HasPrefix(p.Namespace+"/"+p.Name, name)):
			prefix = append(prefix, p)
		}
	}
	found := exact
	if len(found) == 0 {
		found = prefix
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Proxy{}, unresolved(proxies, "no proxy is named %q", name)
	default:
		return Proxy{}, unresolved(found, "%q could be more than one proxy", name)
	}
}

func unresolved(candidates []Proxy, format, name string) error {
	const shown = 8
	e := &Error{Message: fmt.Sprintf(format, name)}
	for _, p := range candidates {
		e.Candidates = append(e.Candidates, p.ID)
	}
	switch n := len(e.Candidates); {
	case n == 0:
		e.Message += ": no proxy is known to the control plane"
	case n <= shown:
		e.Message += ": choose one of " + strings.Join(e.Candidates, ", ")
	default:
		e.Message += fmt.Sprintf(": choose one of %s and %d more (`meshctl proxy-status`)", strings.Join(e.Candidates[:shown], ", "), n-shown)
	}
	return e
}

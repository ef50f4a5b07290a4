package rules

import (
	"slices"
	"strings"
)

// localDomain stands in principals for the trust domain of the mesh and its aliases.
const localDomain = "cluster.local"

// Principals returns principals with those of the mesh's trust domains (its own and the aliases) written for each of these:
// https://istio.io/latest/docs/tasks/security/authorization/authz-td-migration/.
func Principals(list, domains []string) []string {
	var out []string
	for _, p := range list {
		domain, rest, _ := strings.Cut(p, "/")
		known := domain == localDomain || slices.ContainsFunc(domains, func(d string) bool { return Matches(domain, d) || Matches(d, domain) })
		if domain == "*" || strings.Count(p, "/") != 4 || !known {
			out = append(out, p)
			continue
		}
		for _, d := range domains {
			if strings.HasPrefix(domain, "*") && Matches(domain, d) { // covers d as it is
				out = append(out, p)
			} else {
				out = append(out, d+"/"+rest)
			}
		}
	}
	return distinct(out)
}

// TrustDomains returns trust domains with every one of the mesh's replaced by all of them.
func TrustDomains(list, domains []string) []string {
	var out []string
	for _, d := range list {
		if slices.Contains(domains, d) {
			out = append(out, domains...)
		} else {
			out = append(out, d)
		}
	}
	return distinct(out)
}

// Matches reports whether a value with at most one wildcard at an end matches a text; "*" matches all but the empty one.
func Matches(value, text string) bool {
	switch {
	case value == "*":
		return text != ""
	case strings.HasPrefix(value, "*"):
		return strings.HasSuffix(text, value[1:])
	case strings.HasSuffix(value, "*"):
		return strings.HasPrefix(text, value[:len(value)-1])
	}
	return value == text
}

func distinct(list []string) []string {
	var out []string
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

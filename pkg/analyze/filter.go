package analyze

import (
	"path"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
)

// SuppressAnnotation of an object lists codes that are not reported of it, separated by commas; "*" stands for all. See
// https://istio.io/latest/docs/ops/diagnostic-tools/istioctl-analyze/#ignoring-specific-analyzer-messages.
const SuppressAnnotation = "galley.istio.io/analyze-suppress"

// Filter says which diagnostics are wanted. The zero value wants everything but Kubernetes' own namespaces.
type Filter struct {
	// Namespace, unless empty, is the only one of interest; objects without a namespace stay.
	Namespace string
	// Kinds, unless empty, are the only ones of interest; what concerns no object, such as a file that cannot be read, stays.
	Kinds []config.Kind
	// Suppress drops what any of its rules matches.
	Suppress []Suppression
	// System also wants Kubernetes' own namespaces.
	System bool
}

// Suppression matches diagnostics by patterns as path.Match reads them; "*" also matches slashes and nothing.
type Suppression struct {
	// Code and Kind match the code and the name of the kind; Object matches "NAMESPACE/NAME" or, for an object without a
	// namespace, "NAME".
	Code, Kind, Object string
}

// Apply returns the diagnostics that are wanted, in the same order, and how many were suppressed by rules or annotations.
func (f Filter) Apply(list []Diagnostic) (wanted []Diagnostic, suppressed int) {
	for _, d := range list {
		switch {
		case !f.concerns(d.Object):
		case f.suppresses(d):
			suppressed++
		default:
			wanted = append(wanted, d)
		}
	}
	return wanted, suppressed
}

// ApplyOpen returns the open questions that are wanted.
func (f Filter) ApplyOpen(list []Undecided) []Undecided {
	return slices.DeleteFunc(slices.Clone(list), func(u Undecided) bool { return !f.concerns(u.Object) })
}

func (f Filter) concerns(key config.Key) bool {
	namespace := key.Namespace
	if key.Kind == config.Namespace {
		namespace = key.Name
	}
	switch {
	case !f.System && inject.IgnoredNamespace(namespace):
		return false
	case f.Namespace != "" && namespace != "" && namespace != f.Namespace:
		return false
	default:
		return len(f.Kinds) == 0 || key == (config.Key{}) || slices.Contains(f.Kinds, key.Kind)
	}
}

func (f Filter) suppresses(d Diagnostic) bool {
	if d.Source != nil {
		for word := range strings.SplitSeq(d.Source.Meta.Annotations[SuppressAnnotation], ",") {
			if matches(strings.TrimSpace(word), string(d.Code)) {
				return true
			}
		}
	}
	return slices.ContainsFunc(f.Suppress, func(s Suppression) bool { return s.Matches(d) })
}

// Matches reports whether the rule is about a diagnostic.
func (s Suppression) Matches(d Diagnostic) bool {
	object := d.Object.Name
	if d.Object.Namespace != "" {
		object = d.Object.Namespace + "/" + object
	}
	return matches(s.Code, string(d.Code)) && matches(s.Kind, d.Object.Kind.Name) && matches(s.Object, object)
}

func matches(pattern, s string) bool {
	if pattern == "*" {
		return true
	}
	ok, err := path.Match(pattern, s)
	return err == nil && ok
}

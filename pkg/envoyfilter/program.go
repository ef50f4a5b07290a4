package envoyfilter

import (
	"cmp"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// Program is the patches that hold for one proxy, in the order of application. The nil *Program has none.
type Program struct {
	// Digest covers everything that the program's results depend on.
	Digest config.Digest
	// Problems are patches that cannot be used together.
	Problems []config.Problem

	listeners, routes, clusters []*Patch
	added                       map[applyTo][]*Patch
	extensions                  []*Patch
	bootstrap                   []*Patch
}

// NewProgram orders the patches of the filters that hold for a proxy: those of the root namespace before those of its own, then by
// priority, age and name; within an object as they are written. metadata is the proxy's node metadata as far as it is text: match.proxy
// is compared with it. It is nil when no patch is left.
func NewProgram(filters []*Filter, rootNamespace string, metadata map[string]string) *Program {
	filters = slices.Clone(filters)
	slices.SortStableFunc(filters, func(a, b *Filter) int {
		return cmp.Or(fromRoot(a, rootNamespace)-fromRoot(b, rootNamespace), cmp.Compare(a.Priority, b.Priority),
			a.Created.Compare(b.Created), strings.Compare(a.Key.Name, b.Key.Name))
	})
	g := &Program{added: map[applyTo][]*Patch{}}
	type part struct {
		Digest  config.Digest
		Patches []int
	}
	var parts []part
	for _, f := range filters {
		used := part{Digest: f.Digest}
		for _, p := range f.Patches {
			if p.forProxy(metadata) {
				used.Patches = append(used.Patches, p.Index)
				g.take(p)
			}
		}
		if len(used.Patches) > 0 {
			parts = append(parts, used)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	g.Digest = digest.Of(parts)
	slices.SortStableFunc(g.listeners, func(a, b *Patch) int { return cmp.Compare(a.phase(), b.phase()) })
	slices.SortStableFunc(g.routes, func(a, b *Patch) int { return cmp.Compare(a.phase(), b.phase()) })
	g.checkExtensions()
	return g
}

func fromRoot(f *Filter, root string) int {
	if f.Key.Namespace == root {
		return 0
	}
	return 1
}

// forProxy reports whether match.proxy holds for a proxy.
func (p *Patch) forProxy(metadata map[string]string) bool {
	if p.version != nil && (metadata["ISTIO_VERSION"] == "" || !p.version.MatchString(metadata["ISTIO_VERSION"])) {
		return false
	}
	for key, want := range p.match.GetProxy().GetMetadata() {
		if got, ok := metadata[key]; !ok || got != want {
			return false
		}
	}
	return true
}

func (g *Program) take(p *Patch) {
	whole := p.operation == networking.EnvoyFilter_Patch_ADD
	switch p.applyTo {
	case networking.EnvoyFilter_EXTENSION_CONFIG:
		g.extensions = append(g.extensions, p)
	case networking.EnvoyFilter_BOOTSTRAP:
		g.bootstrap = append(g.bootstrap, p)
	case networking.EnvoyFilter_CLUSTER:
		if whole {
			g.added[p.applyTo] = append(g.added[p.applyTo], p)
		} else {
			g.clusters = append(g.clusters, p)
		}
	case networking.EnvoyFilter_ROUTE_CONFIGURATION, networking.EnvoyFilter_VIRTUAL_HOST, networking.EnvoyFilter_HTTP_ROUTE:
		g.routes = append(g.routes, p)
	case networking.EnvoyFilter_LISTENER:
		if whole {
			g.added[p.applyTo] = append(g.added[p.applyTo], p)
			return
		}
		g.listeners = append(g.listeners, p)
	default:
		g.listeners = append(g.listeners, p)
	}
}

// phase orders the patches of one resource as Istio does: from the outside to the inside, and within a list additions and removals
// before merges; what is added as a whole comes last and is not patched.
func (p *Patch) phase() int {
	whole, merges := p.operation == networking.EnvoyFilter_Patch_ADD, p.merges()
	switch p.applyTo {
	case networking.EnvoyFilter_LISTENER, networking.EnvoyFilter_ROUTE_CONFIGURATION:
		return 0
	case networking.EnvoyFilter_LISTENER_FILTER:
		return 1
	case networking.EnvoyFilter_FILTER_CHAIN, networking.EnvoyFilter_VIRTUAL_HOST:
		if whole {
			return 9
		}
		return 2
	case networking.EnvoyFilter_NETWORK_FILTER:
		if merges {
			return 4
		}
		return 3
	case networking.EnvoyFilter_HTTP_ROUTE:
		if merges || p.operation == networking.EnvoyFilter_Patch_REMOVE {
			return 3
		}
		return 4
	}
	if merges {
		return 6
	}
	return 5
}

// Extensions returns the extension configurations that filters with config_discovery may ask for, by name.
func (g *Program) Extensions() []Addition[*corev3.TypedExtensionConfig] {
	if g == nil {
		return nil
	}
	var out []Addition[*corev3.TypedExtensionConfig]
	for _, p := range g.extensions {
		next := Addition[*corev3.TypedExtensionConfig]{Ref: p.Ref(), Message: p.value.(*corev3.TypedExtensionConfig), patch: p}
		i, found := slices.BinarySearchFunc(out, next, func(a, b Addition[*corev3.TypedExtensionConfig]) int {
			return strings.Compare(a.Message.GetName(), b.Message.GetName())
		})
		if found {
			out[i] = next
			continue
		}
		out = slices.Insert(out, i, next)
	}
	return out
}

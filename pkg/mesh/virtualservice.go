package mesh

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// meshGateway is the reserved gateway name that stands for every sidecar.
const meshGateway = "mesh"

// virtual is a VirtualService with the facts that the indices need.
type virtual struct {
	VirtualService
	// Own is Spec without the routes of delegates.
	Own *networking.VirtualService
	// Hosts on the mesh gateway; none when the object does not name it.
	MeshHosts []string
	// Gateways are the others, as "namespace/name".
	Gateways []string
	// Destinations are the distinct hosts that its routes lead to.
	Destinations []string
	// ByLabels: some match depends on the labels of the source.
	ByLabels bool
	// ByOrigin: some match depends on the source or on the gateway.
	ByOrigin bool
	// Streams: it has TCP or TLS routes, which are part of listeners.
	Streams bool
	// rules says where each of Spec.Http is written; nil when all are the object's own.
	rules []RuleOrigin
	// hostFields are the places of Spec.Hosts among the hosts as written.
	hostFields []int
	problems   []config.Problem
}

func (v *virtual) key() config.Key { return v.Object.Key }

func olderVirtual(a, b *virtual) int { return older(a.Object, b.Object) }

// expanded returns a VirtualService with every name absolute; nil when there is none.
func (t *update) expanded(o *config.Object) *virtual {
	if o == nil {
		return nil
	}
	in, ok := o.Spec.(*networking.VirtualService)
	if !ok {
		return nil
	}
	v := &virtual{}
	v.Object = o
	v.Spec = proto.CloneOf(in)
	v.Own = v.Spec
	v.Visibility = visibility(in.ExportTo, t.config.Mesh.DefaultVirtualServiceExportTo, o.Key.Namespace)
	if !o.Key.Derived() { // whose names are absolute
		t.expandNames(v)
	}
	return v
}

// parseVirtual resolves a VirtualService and its delegates; nil when there is none.
func (t *update) parseVirtual(o *config.Object) *virtual {
	v := t.expanded(o)
	if v == nil {
		return nil
	}
	v.problems = append(checkVirtualHosts(v), checkRoutes(o, v.Own)...)
	t.mergeDelegates(v)
	v.collect()
	if len(v.Spec.Gateways) == 0 {
		v.Spec.Gateways = []string{meshGateway}
	}
	for _, g := range v.Spec.Gateways {
		if g == meshGateway {
			v.MeshHosts = without(v.Spec.Hosts, func(h string) bool { return h == "*" })
		} else if !slices.Contains(v.Gateways, g) {
			v.Gateways = append(v.Gateways, g)
		}
	}
	v.Digest = digest.Of(struct {
		Key        config.Key
		Meta       config.Meta
		Spec       *networking.VirtualService
		Visibility Visibility
	}{o.Key, config.Meta{Created: o.Meta.Created}, v.Spec, v.Visibility})
	return v
}

// expandNames makes every name in the specification absolute.
func (t *update) expandNames(v *virtual) {
	namespace, suffix := v.key().Namespace, t.config.DomainSuffix
	for i, h := range v.Spec.Hosts {
		v.Spec.Hosts[i] = fqdn(h, namespace, suffix)
	}
	for i, g := range v.Spec.Gateways {
		v.Spec.Gateways[i] = gatewayName(g, namespace)
	}
	eachDestination(v.Spec, func(_ string, d *networking.Destination) {
		d.Host = fqdn(d.Host, namespace, suffix)
	})
	eachOrigin(v.Spec, func(m origin) {
		for i, g := range m.GetGateways() {
			m.GetGateways()[i] = gatewayName(g, namespace)
		}
	})
}

// collect gathers the facts that the indices need.
func (v *virtual) collect() {
	eachDestination(v.Spec, func(_ string, d *networking.Destination) {
		if d.Host != "" && !slices.Contains(v.Destinations, d.Host) {
			v.Destinations = append(v.Destinations, d.Host)
		}
	})
	eachOrigin(v.Spec, func(m origin) {
		v.ByLabels = v.ByLabels || len(m.GetSourceLabels()) > 0
		v.ByOrigin = v.ByOrigin || len(m.GetSourceLabels()) > 0 || m.GetSourceNamespace() != "" || len(m.GetGateways()) > 0
	})
	v.Streams = len(v.Spec.Tcp) > 0 || len(v.Spec.Tls) > 0
}

// gatewayName resolves the name of a gateway: "name" is of the object's own namespace, "./name" too; the old form
// "name.namespace.svc.cluster.local" is understood as well.
func gatewayName(name, namespace string) string {
	switch {
	case name == meshGateway:
		return name
	case strings.HasPrefix(name, "./"):
		return namespace + name[1:]
	case strings.Contains(name, "/"):
		return name
	}
	if short, rest, found := strings.Cut(name, "."); found {
		namespace, _, _ = strings.Cut(rest, ".")
		name = short
	}
	return namespace + "/" + name
}

// checkVirtualHosts reports hosts that cannot be served.
func checkVirtualHosts(v *virtual) []config.Problem {
	var out []config.Problem
	kept := v.Spec.Hosts[:0]
	for i, h := range v.Spec.Hosts {
		field := fmt.Sprintf("spec.hosts[%d]", i)
		switch {
		case h == "" || isWildcard(h) && h != "*" && !strings.HasPrefix(h, "*."):
			out = append(out, problem(v.Object, config.Error, field, fmt.Sprintf("%q is not a host; it is left out", h),
				"write a name, or a wildcard such as *.example.com"))
		case slices.Contains(kept, h) && !writtenBefore(v.Object, i):
			// A short name beside the full one is no mistake.
		case slices.Contains(kept, h):
			out = append(out, problem(v.Object, config.Warning, field, fmt.Sprintf("the host %s is listed twice", h), "remove one of them"))
		case h == "*" && (len(v.Spec.Gateways) == 0 || slices.Contains(v.Spec.Gateways, meshGateway)):
			out = append(out, problem(v.Object, config.Warning, field, `the host "*" has no effect on the mesh gateway`, "name the hosts, or bind the VirtualService to a Gateway only"))
			kept, v.hostFields = append(kept, h), append(v.hostFields, i)
		default:
			kept, v.hostFields = append(kept, h), append(v.hostFields, i)
		}
	}
	out = append(out, checkCoveredHosts(v.Object)...)
	for i := range out {
		out[i].Code = codes.SchemaError
	}
	v.Spec.Hosts = kept
	return out
}

// writtenBefore reports whether the i-th host stands among those before it in the same spelling.
func writtenBefore(o *config.Object, i int) bool {
	spec, ok := o.Spec.(*networking.VirtualService)
	return !ok || i >= len(spec.Hosts) || slices.Contains(spec.Hosts[:i], spec.Hosts[i])
}

// checkCoveredHosts reports hosts, as they are written, that a wildcard beside them covers.
func checkCoveredHosts(o *config.Object) []config.Problem {
	spec, ok := o.Spec.(*networking.VirtualService)
	if !ok || o.Key.Derived() {
		return nil
	}
	inMesh := len(spec.Gateways) == 0 || slices.Contains(spec.Gateways, meshGateway)
	wildcards := without(slices.Clone(spec.Hosts), func(h string) bool { return !isWildcard(h) || h == "*" && inMesh })
	var out []config.Problem
	for i, h := range spec.Hosts {
		at := slices.IndexFunc(wildcards, func(w string) bool { return w != h && hostCovers(w, h) })
		if at >= 0 {
			out = append(out, problem(o, config.Warning, fmt.Sprintf("spec.hosts[%d]", i),
				fmt.Sprintf("%s is one of %s, which is listed, too; Istio refuses the object", h, wildcards[at]), "remove one of them, or write a VirtualService for each"))
		}
	}
	return out
}

// hostField is where the i-th of Spec.Hosts is written.
func (v *virtual) hostField(i int) string { return fmt.Sprintf("spec.hosts[%d]", v.hostFields[i]) }

// eachDestination visits every destination with its field path.
func eachDestination(spec *networking.VirtualService, visit func(field string, d *networking.Destination)) {
	at := func(field string, d *networking.Destination) {
		if d != nil {
			visit(field+".host", d)
		}
	}
	for i, r := range spec.Http {
		for j, d := range r.Route {
			at(fmt.Sprintf("spec.http[%d].route[%d].destination", i, j), d.GetDestination())
		}
		at(fmt.Sprintf("spec.http[%d].mirror", i), r.Mirror)
		for j, m := range r.Mirrors {
			at(fmt.Sprintf("spec.http[%d].mirrors[%d].destination", i, j), m.GetDestination())
		}
	}
	for i, r := range spec.Tls {
		for j, d := range r.Route {
			at(fmt.Sprintf("spec.tls[%d].route[%d].destination", i, j), d.GetDestination())
		}
	}
	for i, r := range spec.Tcp {
		for j, d := range r.Route {
			at(fmt.Sprintf("spec.tcp[%d].route[%d].destination", i, j), d.GetDestination())
		}
	}
}

// origin is the part of a match that says where traffic comes from; HTTP, TLS and TCP matches all have it.
type origin interface {
	GetGateways() []string
	GetSourceLabels() map[string]string
	GetSourceNamespace() string
}

func eachOrigin(spec *networking.VirtualService, visit func(origin)) {
	for _, r := range spec.Http {
		for _, m := range r.Match {
			visit(m)
		}
	}
	for _, r := range spec.Tls {
		for _, m := range r.Match {
			visit(m)
		}
	}
	for _, r := range spec.Tcp {
		for _, m := range r.Match {
			visit(m)
		}
	}
}

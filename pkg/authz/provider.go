package authz

import (
	"fmt"
	"slices"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// provider is an external authorizer that CUSTOM policies name.
type provider struct {
	http bool // it is asked about requests only
	// fault is why it cannot be asked: what its policies match is denied then.
	fault string
}

// findProviders looks for the providers of the CUSTOM policies. A workload has at most one (Istio, AuthorizationPolicy.ExtensionProvider).
func (p *Policies) findProviders(c *mesh.Config, lookup Lookup) {
	var names []string
	for _, one := range p.custom {
		if !slices.Contains(names, one.provider) {
			names = append(names, one.provider)
		}
	}
	p.providers = map[string]provider{}
	for _, name := range names {
		found := findProvider(c.Mesh.GetExtensionProviders(), name, lookup)
		if len(names) > 1 {
			found.fault = fmt.Sprintf("the policies of the workload name several extension providers (%s), and at most one can be asked", strings.Join(names, ", "))
		}
		p.providers[name] = found
	}
}

func findProvider(all []*meshconfig.MeshConfig_ExtensionProvider, name string, lookup Lookup) provider {
	var found []*meshconfig.MeshConfig_ExtensionProvider
	for _, e := range all {
		if e.GetName() == name && (e.GetEnvoyExtAuthzHttp() != nil || e.GetEnvoyExtAuthzGrpc() != nil) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return provider{fault: fmt.Sprintf("the mesh has %d extension providers %q for external authorization", len(found), name)}
	}
	if faults := rules.CheckProvider(found[0]); len(faults) > 0 {
		return provider{fault: fmt.Sprintf("the extension provider %q cannot be used: %s", name, faults[0].Message)}
	}
	http, grpc := found[0].GetEnvoyExtAuthzHttp(), found[0].GetEnvoyExtAuthzGrpc()
	out := provider{http: http != nil}
	service, port := http.GetService(), http.GetPort()
	if grpc != nil {
		service, port = grpc.GetService(), grpc.GetPort()
	}
	if lookup != nil && !serves(lookup, service, port) {
		out.fault = fmt.Sprintf("the service %s of the extension provider %q does not exist or has no port %d", service, name, port)
	}
	return out
}

// serves reports whether a service, "[NAMESPACE/]HOST", has a port.
func serves(lookup Lookup, service string, port uint32) bool {
	namespace, host := rules.ProviderService(service)
	s := lookup(host)
	return s != nil && (namespace == "" || s.Namespace == namespace) &&
		slices.ContainsFunc(s.Ports, func(p mesh.Port) bool { return p.Number == port && p.Protocol != mesh.UDP })
}

package translate

import (
	"cmp"
	"slices"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// AuthzProvider is a provider that decides for the CUSTOM policies of a workload.
type AuthzProvider struct {
	Name string
	// Settings from the MeshConfig; nil when the provider cannot be asked: what it should decide is denied.
	Settings *meshconfig.MeshConfig_ExtensionProvider
	// Host and Cluster of its service.
	Host, Cluster string
}

// authzProviders finds the providers that the CUSTOM policies of a workload name. Istio allows one for each workload.
func authzProviders(c *mesh.Config, policies mesh.Attached, lookup Lookup) ([]AuthzProvider, []config.Problem) {
	var out []AuthzProvider
	var custom []*config.Object
	notes := &problems{}
	for _, o := range policies {
		p, ok := authzPolicy(o, rules.Custom)
		if !ok || p.DryRun {
			continue
		}
		custom = append(custom, o)
		if slices.ContainsFunc(out, func(a AuthzProvider) bool { return a.Name == p.Provider }) {
			continue
		}
		found, fault := authzProvider(c, p.Provider, lookup)
		if fault != "" && p.Provider != "" { // without a name the mesh says so
			notes.object = o.Key
			notes.fail("spec.provider.name", fault+": what the policy matches is denied", "")
		}
		out = append(out, found)
	}
	if len(out) < 2 {
		return out, notes.list
	}
	var names []string
	for i := range out {
		names = append(names, cmp.Or(out[i].Name, `""`))
		out[i].Settings = nil
	}
	for _, o := range custom {
		notes.object = o.Key
		notes.fail("spec.provider.name", "the policies of one workload name several providers ("+strings.Join(names, ", ")+"): what they match is denied",
			"use one provider for each workload")
	}
	return out, notes.list
}

// authzProvider finds one provider; fault says why it cannot be asked.
func authzProvider(c *mesh.Config, name string, lookup Lookup) (out AuthzProvider, fault string) {
	out.Name = name
	var found []*meshconfig.MeshConfig_ExtensionProvider
	var known []string
	for _, p := range c.Mesh.GetExtensionProviders() {
		if p.GetEnvoyExtAuthzHttp() == nil && p.GetEnvoyExtAuthzGrpc() == nil {
			continue
		}
		known = append(known, p.GetName())
		if p.GetName() == name {
			found = append(found, p)
		}
	}
	switch {
	case len(found) == 0 && len(known) == 0:
		return out, "the MeshConfig has no extensionProviders for authorization"
	case len(found) == 0:
		return out, "provider " + name + " is none of the MeshConfig's extensionProviders for authorization (" + strings.Join(known, ", ") + ")"
	case len(found) > 1:
		return out, "the MeshConfig has several extensionProviders named " + name
	case len(rules.CheckProvider(found[0])) > 0:
		return out, "provider " + name + " is not usable, see the MeshConfig's problems"
	}
	service, port := found[0].GetEnvoyExtAuthzHttp().GetService(), found[0].GetEnvoyExtAuthzHttp().GetPort()
	if grpc := found[0].GetEnvoyExtAuthzGrpc(); grpc != nil {
		service, port = grpc.GetService(), grpc.GetPort()
	}
	if out.Host, out.Cluster = providerCluster(service, port, lookup); out.Cluster == "" {
		return out, "the service " + service + " of provider " + name + " does not exist, is not visible to the workload or has no port " + number(port)
	}
	out.Settings = found[0]
	return out, ""
}

// providerCluster finds the cluster of an extension provider's service, "[NAMESPACE/]HOST"; empty when the proxy's scope does not
// have it.
func providerCluster(service string, port uint32, lookup Lookup) (host, cluster string) {
	namespace, host := rules.ProviderService(service)
	s := lookup(host)
	if s == nil || namespace != "" && s.Namespace != namespace || !slices.ContainsFunc(s.Ports, func(p mesh.Port) bool { return p.Number == port && p.Protocol != mesh.UDP }) {
		return host, ""
	}
	return host, ClusterName(s.Host, port, "")
}

// asksProvider reports whether a policy hands its decision to a provider.
func asksProvider(o *config.Object) bool {
	_, ok := authzPolicy(o, rules.Custom)
	return ok
}

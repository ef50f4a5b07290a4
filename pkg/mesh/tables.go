package mesh

import "github.com/meshctl/meshctl/pkg/config"

// tables are the resolved parts of a snapshot and the indices that lead from an object to what depends on it.
type tables struct {
	options Options
	set     config.Set
	config  *Config

	// Services: what each Service and ServiceEntry declares; who declares a host; the services that result.
	definitions index[config.Key, *definition]
	declared    index[hostKey, []*definition] // the one that leads first
	services    index[string, []*Service]     // by host, the preferred namespace first

	// Workloads: WorkloadEntries and Pods; who selects them; what each selector found.
	instances index[config.Key, *instance]
	addresses index[nsName, []config.Key]     // instances by namespace and address
	selectors index[nsName, []*definition]    // by namespace and one "label=value" of the selector
	members   index[config.Key, []*instance]  // by the definition's object
	slices    index[nsName, []*config.Object] // EndpointSlices by their Service
	sliceRefs index[nsName, []nsName]         // Services by what their slices name: "pod/NAME", "ip/ADDRESS"
	backends  index[hostKey, *backends]

	// Rules.
	policies    index[string, []*peerPolicy] // PeerAuthentications by namespace, oldest first
	virtuals    index[config.Key, *virtual]
	delegates   index[config.Key, []config.Key] // VirtualServices that hand over to one
	routes      index[string, []*virtual]       // VirtualServices on the mesh gateway by host, oldest first
	toHost      index[string, []*virtual]       // by destination host
	toGateway   index[string, []*virtual]       // by gateway "namespace/name"
	rules       index[config.Key, *rule]
	ruleHosts   index[hostKey, []*ruleGroup] // merged rules by host and the rules' namespace
	ruleSpaces  index[string, []string]      // namespaces with rules for a host, by host
	wildcards   index[string, int]           // how many objects use a wildcard host, by what follows the "*"
	sidecars    index[string, []*sidecar]    // by namespace, oldest first
	gateways    index[config.Key, *gateway]
	attached    index[kindIn, []*attachment] // objects that select proxies themselves, oldest first
	labelled    index[string, []*labelled]   // what depends on a proxy's labels, by namespace; "" holds for all
	credentials index[string, []config.Key]  // users of a Secret by its name
	problems    index[config.Key, []config.Problem]

	// What objects of other APIs were converted to; which conversions read an object.
	conversions index[config.Key, *conversion]
	readers     index[config.Key, []config.Key]
	derived     config.Set
}

// settle ends every edit, so that the tables can be shared.
func (t *tables) settle() {
	for _, x := range []interface{ settle() }{
		&t.definitions, &t.declared, &t.services, &t.instances, &t.addresses, &t.selectors, &t.members, &t.slices,
		&t.sliceRefs, &t.backends, &t.policies, &t.virtuals, &t.delegates, &t.routes, &t.toHost, &t.toGateway, &t.rules, &t.ruleHosts, &t.ruleSpaces, &t.wildcards,
		&t.sidecars, &t.gateways, &t.attached, &t.labelled, &t.credentials, &t.problems, &t.conversions, &t.readers,
	} {
		x.settle()
	}
}

// hostKey names a service: the same host may exist in several namespaces.
type hostKey struct{ host, namespace string }

// nsName is a name within a namespace.
type nsName struct{ namespace, name string }

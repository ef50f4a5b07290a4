package mesh

import (
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// sliceEndpoints lists the endpoints of one EndpointSlice for a service port.
func (t *update) sliceEndpoints(d *definition, o *config.Object, port Port) []Endpoint {
	slice, ok := o.Spec.(*discoveryv1.EndpointSlice)
	if !ok || slice.AddressType == discoveryv1.AddressTypeFQDN || (slice.AddressType == discoveryv1.AddressTypeIPv6) != d.IPv6 {
		return nil
	}
	number := slicePort(slice, port)
	if number == 0 {
		return nil
	}
	var out []Endpoint
	for _, e := range slice.Endpoints {
		if len(e.Addresses) == 0 || !isIP(e.Addresses[0]) || e.Conditions.Ready != nil && !*e.Conditions.Ready && !d.NotReady {
			continue
		}
		if i := t.instanceOf(o.Key.Namespace, e); i != nil {
			out = append(out, i.endpoint(e.Addresses[0], number))
			continue
		}
		ep := Endpoint{Address: e.Addresses[0], Port: number, Healthy: true, Weight: 1, Workload: o.Key}
		if e.Zone != nil && *e.Zone != "" {
			ep.Locality = "/" + *e.Zone
		}
		if e.NodeName != nil {
			ep.Node = *e.NodeName
		}
		if e.NodeName != nil && t.nodeLocality(*e.NodeName) != "" {
			ep.Locality = t.nodeLocality(*e.NodeName)
		}
		out = append(out, ep)
	}
	return out
}

// slicePort returns the slice's number for a service port, by name; a slice with one unnamed port serves a Service with one.
func slicePort(slice *discoveryv1.EndpointSlice, port Port) uint32 {
	for _, p := range slice.Ports {
		name := ""
		if p.Name != nil {
			name = *p.Name
		}
		if name == port.Name && p.Port != nil && *p.Port > 0 {
			return uint32(*p.Port)
		}
	}
	return 0
}

// instanceOf returns the workload behind an endpoint of a slice: the Pod that it names, else the one with its address.
func (t *tables) instanceOf(namespace string, e discoveryv1.Endpoint) *instance {
	if ref := e.TargetRef; ref != nil && ref.Kind == config.Pod.Name {
		return t.instances.get(config.Key{Kind: config.Pod, Namespace: namespace, Name: ref.Name})
	}
	if keys := t.addresses.get(nsName{namespace, e.Addresses[0]}); len(keys) > 0 {
		return t.instances.get(keys[0])
	}
	return nil
}

// readSlice keeps the EndpointSlices of each Service and what they refer to.
func (t *update) readSlice(d delta) {
	if d.before != nil {
		t.indexSlice(d.before, false)
	}
	if d.after != nil {
		t.indexSlice(d.after, true)
	}
}

func (t *update) indexSlice(o *config.Object, add bool) {
	slice, ok := o.Spec.(*discoveryv1.EndpointSlice)
	name := o.Meta.Labels[discoveryv1.LabelServiceName]
	if !ok || name == "" {
		return
	}
	svc := nsName{o.Key.Namespace, name}
	list := without(t.slices.get(svc), func(x *config.Object) bool { return x.Key == o.Key })
	if add {
		list = insert(list, o, func(a, b *config.Object) int { return a.Key.Compare(b.Key) })
	}
	setList(&t.slices, svc, list)
	t.staleBackends[t.kubernetesHost(svc)] = true
	for _, e := range slice.Endpoints {
		for _, ref := range endpointRefs(e) {
			t.indexRef(nsName{svc.namespace, ref}, svc, add)
		}
	}
}

// indexRef counts references: one entry of the list for each, since slices of one Service may name the same Pod.
func (t *update) indexRef(ref, svc nsName, add bool) {
	list := t.sliceRefs.get(ref)
	if add {
		list = append(slices.Clip(list), svc)
	} else if at := slices.Index(list, svc); at >= 0 {
		list = slices.Delete(slices.Clone(list), at, at+1)
	}
	setList(&t.sliceRefs, ref, list)
}

func endpointRefs(e discoveryv1.Endpoint) []string {
	if e.TargetRef != nil && e.TargetRef.Kind == (config.Pod.Name) {
		return []string{"pod/" + e.TargetRef.Name}
	}
	if len(e.Addresses) > 0 {
		return []string{"ip/" + e.Addresses[0]}
	}
	return nil
}

package judged

import (
	"cmp"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/dashboard/planned"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
	"github.com/meshctl/meshctl/pkg/topology"
)

// place is a node by what it stands for: a gateway is a workload, what is outside of the mesh has its host as its name.
type place struct {
	kind            topology.Kind
	namespace, name string
}

func placeOf(n topology.Node) place {
	if n.Kind == topology.Gateway {
		n.Kind = topology.Workload
	}
	return place{n.Kind, n.Namespace, n.Name}
}

// index is a mesh by what objects are about.
type index struct {
	snapshot  *mesh.Snapshot
	instances map[config.Key]instance        // Pods and WorkloadEntries
	services  map[config.Key][]*mesh.Service // by the object that makes them
	byHost    map[string]*mesh.Service
	routes    map[config.Key][]*mesh.Virtual // by VirtualServices, delegates, and routes of other APIs
}

type instance struct {
	of     place
	labels map[string]string
}

func newIndex(s *mesh.Snapshot) *index {
	x := &index{
		snapshot: s, instances: map[config.Key]instance{},
		services: map[config.Key][]*mesh.Service{}, byHost: map[string]*mesh.Service{}, routes: map[config.Key][]*mesh.Virtual{},
	}
	for _, kind := range []config.Kind{config.Pod, config.WorkloadEntry} {
		for o := range s.Set().All(kind) {
			if name, labels, ok := planned.Workload(o); ok {
				x.instances[o.Key] = instance{place{topology.Workload, o.Key.Namespace, name}, labels}
			}
		}
	}
	for svc := range s.Services() {
		x.services[svc.From] = append(x.services[svc.From], svc)
		x.byHost[svc.Host] = svc
	}
	for _, v := range s.Virtuals() {
		for key := range written(v) {
			x.routes[key] = append(x.routes[key], v)
		}
	}
	return x
}

// written are the objects in which the routes of a VirtualService are written.
func written(v *mesh.Virtual) map[config.Key]bool {
	out := map[config.Key]bool{v.Object.Key.Origin(): true}
	for i := range v.Spec.GetHttp() {
		out[v.Rule(i).Object.Key.Origin()] = true
	}
	return out
}

// concerned are the places that an object is about. What holds for a whole namespace or mesh is about none of them in particular.
func (x *index) concerned(key config.Key) map[place]bool {
	out := map[place]bool{}
	switch key.Kind {
	case config.Pod, config.WorkloadEntry:
		if i, known := x.instances[key]; known {
			out[i.of] = true
		}
	case config.Deployment, config.StatefulSet, config.DaemonSet, config.ReplicaSet, config.Job, config.CronJob, config.WorkloadGroup:
		out[place{topology.Workload, key.Namespace, key.Name}] = true
	case config.DestinationRule:
		x.ruled(out, key)
	case config.Gateway:
		x.selected(out, "", x.gatewaySelector(key))
	case config.K8sGateway:
		x.selected(out, key.Namespace, map[string]string{convert.LabelGatewayName: key.Name})
	default:
		for _, svc := range x.services[key] {
			x.behind(out, svc)
		}
		for _, v := range x.routes[key] {
			x.routed(out, v)
		}
		x.holding(out, key)
	}
	return out
}

// behind adds a service and the workloads of its endpoints.
func (x *index) behind(out map[place]bool, svc *mesh.Service) {
	if svc.External {
		out[place{topology.External, "", svc.Host}] = true
	} else {
		out[place{topology.Service, svc.Namespace, cmp.Or(svc.Name, svc.Host)}] = true
	}
	for _, port := range svc.Ports {
		for _, e := range x.snapshot.Endpoints(svc, port).Endpoints {
			if i, known := x.instances[e.Workload]; known {
				out[i.of] = true
			}
		}
	}
}

// ruled adds those for whose service a DestinationRule is, unless it is for many.
func (x *index) ruled(out map[place]bool, key config.Key) {
	reach, ok := x.snapshot.RuleReach(key)
	if svc := x.byHost[reach.Host]; ok && svc != nil && !reach.Wildcard() {
		x.behind(out, svc)
	}
}

// routed adds those whom a VirtualService is about: the hosts that sidecars ask for, and where it leads.
func (x *index) routed(out map[place]bool, v *mesh.Virtual) {
	add := func(host string) {
		if svc := x.byHost[host]; svc != nil {
			x.behind(out, svc)
		}
	}
	for _, host := range v.MeshHosts {
		add(host)
	}
	v.EachDestination(func(_ string, d *networking.Destination) {
		add(x.snapshot.HostName(d.GetHost(), v.Object.Key.Namespace))
	})
}

// holding adds those whom a policy or filter selects: in its own namespace, or everywhere from the root namespace.
func (x *index) holding(out map[place]bool, key config.Key) {
	o := x.snapshot.Set().Get(key)
	if o == nil {
		return
	}
	namespace := key.Namespace
	if namespace == x.snapshot.Config().Mesh.GetRootNamespace() {
		namespace = ""
	}
	x.selected(out, namespace, mesh.SelectorOf(o))
}

// gatewaySelector are the labels of those that a Gateway is for, nil for other objects.
func (x *index) gatewaySelector(key config.Key) map[string]string {
	if key.Kind != config.Gateway {
		return nil
	}
	o := x.snapshot.Set().Get(key)
	if o == nil {
		return nil
	}
	spec, _ := o.Spec.(*networking.Gateway)
	return spec.GetSelector()
}

// selected adds the workloads of a namespace, or of all, that have labels.
func (x *index) selected(out map[place]bool, namespace string, labels map[string]string) {
	if len(labels) == 0 {
		return
	}
	for key, i := range x.instances {
		if (namespace == "" || key.Namespace == namespace) && mesh.Selects(labels, i.labels) {
			out[i.of] = true
		}
	}
}

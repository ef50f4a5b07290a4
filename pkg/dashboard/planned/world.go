package planned

import (
	"cmp"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/topology"
)

// annotationGroup names the WorkloadGroup of a WorkloadEntry, as Istio's autoregistration does.
const annotationGroup = "istio.io/autoRegistrationGroup"

// world is a mesh with the names of its workloads.
type world struct {
	snapshot *mesh.Snapshot
	// workloads are the names of what instances are of, labels those of one of the instances, by NAMESPACE/WORKLOAD.
	workloads map[config.Key]string
	labels    map[string]map[string]string
	scopes    map[mesh.ScopeKey]*mesh.Scope
	// asked remembers what calls and serves have answered.
	asked map[question]lots
	// elsewhere are the hosts that sidecars send to other hosts only, by these.
	elsewhere map[string][]string
}

func newWorld(s *mesh.Snapshot) *world {
	w := &world{
		snapshot: s, workloads: map[config.Key]string{}, labels: map[string]map[string]string{}, scopes: map[mesh.ScopeKey]*mesh.Scope{},
		asked: map[question]lots{}, elsewhere: map[string][]string{},
	}
	for _, kind := range []config.Kind{config.Pod, config.WorkloadEntry} {
		for o := range s.Set().All(kind) {
			if name, labels, ok := Workload(o); ok {
				w.instance(o.Key, name, labels)
			}
		}
	}
	for _, v := range s.Virtuals() {
		for _, host := range v.MeshHosts {
			to := destinations(v.Spec)
			if slices.Contains(to, host) {
				continue
			}
			for _, other := range to {
				if !slices.Contains(w.elsewhere[other], host) {
					w.elsewhere[other] = append(w.elsewhere[other], host)
				}
			}
		}
	}
	return w
}

// Workload returns the name that the node of a Pod or WorkloadEntry has, and the labels by which objects select it; not ok for other objects.
func Workload(o *config.Object) (name string, labels map[string]string, ok bool) {
	switch spec := o.Spec.(type) {
	case *corev1.Pod:
		return inject.Workload(spec), o.Meta.Labels, true
	case *networking.WorkloadEntry:
		labels = spec.GetLabels()
		if len(labels) == 0 {
			labels = o.Meta.Labels
		}
		return cmp.Or(o.Meta.Annotations[annotationGroup], o.Key.Name), labels, true
	}
	return "", nil, false
}

// GatewayLabels are those that Istio's charts give to the gateway of a name: the labels of one of which no object is known.
func GatewayLabels(name string) map[string]string {
	return map[string]string{"app": name, "istio": strings.TrimPrefix(name, "istio-")}
}

func (w *world) instance(key config.Key, workload string, labels map[string]string) {
	w.workloads[key] = workload
	if at := key.Namespace + "/" + workload; w.labels[at] == nil {
		w.labels[at] = labels
	}
}

// destinations are the hosts to which the HTTP routes of a VirtualService lead.
func destinations(spec *networking.VirtualService) (out []string) {
	for _, rule := range spec.GetHttp() {
		for _, d := range rule.GetRoute() {
			out = append(out, d.GetDestination().GetHost())
		}
	}
	return out
}

// scope is the mesh as the proxies of a node see it. A gateway of which no object is known has the labels that Istio's charts give.
func (w *world) scope(n topology.Node) *mesh.Scope {
	p := mesh.Proxy{Name: n.Name, Namespace: n.Namespace, Labels: w.labels[n.Namespace+"/"+n.Name]}
	if n.Kind == topology.Gateway {
		p.Type = mesh.Router
		if p.Labels == nil {
			p.Labels = GatewayLabels(n.Name)
		}
	}
	key := w.snapshot.ScopeKey(p)
	if w.scopes[key] == nil {
		w.scopes[key] = w.snapshot.Scope(key, p)
	}
	return w.scopes[key]
}

// part is one who answers for a host, and its share of that.
type part struct {
	node  topology.Node
	share float64
}

// parts are the workloads behind a port of a service, or of a subset of it; the service itself where nobody is.
func (w *world) parts(scope *mesh.Scope, host, subset string, port uint32) []part {
	svc := scope.Service(host)
	if svc == nil {
		return []part{{topology.Node{ID: "service//" + host, Kind: topology.Service, Name: host}, 1}}
	}
	itself := serviceNode(svc.Service)
	labels, known := subsetLabels(svc.Rule, subset)
	var out []part
	total := 0.0
	if p := svc.PortNumber(port); p != nil && known {
		for _, e := range w.healthy(svc.Service, *p) {
			if !mesh.Selects(labels, e.Labels) {
				continue
			}
			n, ok := w.node(e, svc.Service)
			if !ok {
				n = itself
			}
			i := slices.IndexFunc(out, func(p part) bool { return p.node.ID == n.ID })
			if i < 0 {
				i, out = len(out), append(out, part{node: n})
			} else if ok {
				out[i].node.Instances++
				out[i].node.Proxies += n.Proxies
			}
			weight := float64(max(e.Weight, 1))
			out[i].share += weight
			total += weight
		}
	}
	if len(out) == 0 {
		if subset != "" {
			itself.Name += " " + subset
			itself.ID += " " + subset
		}
		return []part{{itself, 1}}
	}
	for i := range out {
		out[i].share /= total
	}
	return out
}

// healthy are the endpoints that requests go to: all of them while none is healthy.
func (w *world) healthy(svc *mesh.Service, port mesh.Port) []mesh.Endpoint {
	all := w.snapshot.Endpoints(svc, port).Endpoints
	good := slices.DeleteFunc(slices.Clone(all), func(e mesh.Endpoint) bool { return !e.Healthy })
	if len(good) == 0 {
		return all
	}
	return good
}

// node is the workload of an endpoint; not ok for one that is of no workload of the mesh.
func (w *world) node(e mesh.Endpoint, svc *mesh.Service) (topology.Node, bool) {
	name, ok := w.workloads[e.Workload]
	if !ok {
		return topology.Node{}, false
	}
	n := topology.Node{
		ID: string(topology.Workload) + "/" + e.Workload.Namespace + "/" + name, Kind: topology.Workload, Name: name, Namespace: e.Workload.Namespace,
		Service: svc.Name, Version: cmp.Or(e.Labels["service.istio.io/canonical-revision"], e.Labels["app.kubernetes.io/version"], e.Labels["version"]),
		Identity: e.Identity, Instances: 1,
	}
	if e.MutualTLS {
		n.Proxies = 1
	}
	return n, true
}

// serviceNode is a service as such.
func serviceNode(svc *mesh.Service) topology.Node {
	n := topology.Node{Kind: topology.Service, Name: cmp.Or(svc.Name, svc.Host), Namespace: svc.Namespace, Service: cmp.Or(svc.Name, svc.Host)}
	if svc.External {
		n = topology.Node{Kind: topology.External, Name: svc.Host}
	}
	n.ID = string(n.Kind) + "/" + n.Namespace + "/" + n.Name
	return n
}

// subsetLabels are those that a subset selects by; known is false for a subset that no rule has.
func subsetLabels(rule *mesh.DestinationRule, subset string) (labels map[string]string, known bool) {
	if subset == "" {
		return nil, true
	}
	if rule == nil {
		return nil, false
	}
	for _, s := range rule.Spec.GetSubsets() {
		if s.GetName() == subset {
			return s.GetLabels(), true
		}
	}
	return nil, false
}

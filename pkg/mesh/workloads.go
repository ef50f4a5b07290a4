package mesh

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/meshctl/meshctl/pkg/config"
)

// Workload resolves the inbound side of a sidecar. The registry's WorkloadEntry or Pod of that name, else of that address, says
// which labels and ports the workload has; without one the proxy's own word counts.
func (s *Snapshot) Workload(p Proxy) *Workload {
	w := &Workload{Namespace: p.Namespace, Name: p.Name, Labels: p.Labels, ServiceAccount: p.ServiceAccount}
	i := s.instance(p)
	if i != nil {
		w.Labels = i.Labels
		w.ServiceAccount = cmp.Or(w.ServiceAccount, i.ServiceAccount)
		w.PeerAuthn = i.Authn
	} else {
		i = &instance{}
		w.PeerAuthn = s.peerAuthn(p.Namespace, p.Labels)
	}
	w.attach(s, p)
	for _, d := range s.selecting(p.Namespace, w.Labels) {
		for _, declared := range d.Services {
			svc := s.serviceAt(hostKey{declared.Host, declared.Namespace})
			w.addService(svc, declared, p.Mode, i)
		}
	}
	slices.SortStableFunc(w.Ports, func(a, b WorkloadPort) int { return cmp.Compare(a.Target, b.Target) })
	for i, port := range w.Ports {
		w.Ports[i].Pool = s.servicePool(port.Service, port.Port.Number, p)
	}
	if sc := s.sidecarOf(p); sc != nil {
		w.Sidecar = sc.Object
		w.listen(sc)
	}
	return w
}

// attach finds the policies and extensions of a workload by the labels that it has by the registry's word.
func (w *Workload) attach(s *Snapshot, p Proxy) {
	p.Labels = w.Labels
	w.AuthzPolicies = s.Attached(config.AuthzPolicy, p)
	w.RequestAuthns = s.Attached(config.RequestAuthn, p)
	w.Telemetries = s.Attached(config.Telemetry, p)
	w.WasmPlugins = s.Attached(config.WasmPlugin, p)
	w.TrafficExtensions = s.Attached(config.TrafficExtension, p)
}

// addService adds the ports that a service directs to the workload; the first service of a port decides.
func (w *Workload) addService(svc, declared *Service, mode Mode, i *instance) {
	if svc == nil {
		return
	}
	for _, port := range declared.Ports {
		target := i.port(port)
		if mode == Explicit {
			target = i.behind(target)
		}
		if i.Bound && target == 0 { // not bound yet
			target = port.TargetPort
		}
		if target == 0 || port.Protocol == UDP || slices.ContainsFunc(w.Ports, func(p WorkloadPort) bool { return p.Target == target }) {
			continue
		}
		w.Ports = append(w.Ports, WorkloadPort{Target: target, Service: svc, Port: port, Protocol: port.Protocol})
	}
}

// behind returns the target port for which an Explicit proxy listens at bound, as the registry's entry maps it (the lowest of
// several); bound itself when no mapping says so. Ports of such a workload are named by their target: where its proxy listens
// may change.
func (i *instance) behind(bound uint32) uint32 {
	var lowest uint32
	for name, at := range i.Ports {
		if target, err := strconv.ParseUint(name, 10, 16); err == nil && at == bound && (lowest == 0 || uint32(target) < lowest) {
			lowest = uint32(target)
		}
	}
	return cmp.Or(lowest, bound)
}

// instance returns what the registry knows of a proxy's workload, nil when it knows nothing.
func (t *tables) instance(p Proxy) *instance {
	for _, kind := range []config.Kind{config.WorkloadEntry, config.Pod} {
		if i := t.instances.get(config.Key{Kind: kind, Namespace: p.Namespace, Name: p.Name}); i != nil {
			return i
		}
	}
	for _, a := range p.Addresses {
		if isLoopback(a) { // shared by every workload of a machine
			continue
		}
		if keys := t.addresses.get(nsName{p.Namespace, a}); len(keys) > 0 {
			return t.instances.get(keys[0])
		}
	}
	return nil
}

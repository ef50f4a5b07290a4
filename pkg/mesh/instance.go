package mesh

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

const (
	// AnnotationUnhealthy marks a WorkloadEntry whose health checks fail; its value is the reason. Such an endpoint stays known
	// and gets no traffic.
	AnnotationUnhealthy = "meshctl.io/unhealthy"
	// AnnotationBoundPorts with value "true" says that only what a WorkloadEntry's ports map can be reached: its proxy has a local port
	// for each target port.
	AnnotationBoundPorts = "meshctl.io/bound-ports"

	labelTLSMode  = "security.istio.io/tlsMode" // "istio": the workload's proxy terminates mesh mTLS
	labelNetwork  = "topology.istio.io/network"
	labelLocality = "istio-locality" // "region.zone.subzone"
)

// instance is a running workload: a WorkloadEntry, a Pod, or an endpoint that a ServiceEntry lists.
type instance struct {
	Key       config.Key
	Labels    map[string]string
	Addresses []string // the first is where it is reached
	// Ports maps service port names, and decimal target port numbers, to port numbers of the workload.
	Ports map[string]uint32
	// Bound: nothing but Ports can be reached, and they are found by target port first.
	Bound bool
	// Named are the container ports of a Pod.
	Named          map[string]uint32
	ServiceAccount string
	Identity       string
	TLS            bool // the proxy terminates mesh mTLS
	Ready          bool // unready Pods get no traffic
	Healthy        bool
	Weight         uint32
	Network        string
	Locality       string
	Node           string // of a Pod
	Authn          PeerAuthn
	// Inbound covers what the workload's own listeners depend on, Digest everything.
	Inbound config.Digest
	Digest  config.Digest
}

// seal computes the digests.
func (i *instance) seal() *instance {
	i.Inbound = digest.Of(struct {
		Labels         map[string]string
		Ports, Named   map[string]uint32
		Addresses      []string
		Bound          bool
		ServiceAccount string
		Authn          PeerAuthn
	}{i.Labels, i.Ports, i.Named, i.Addresses, i.Bound, i.ServiceAccount, i.Authn})
	i.Digest = digest.Of(*i)
	return i
}

// port returns the workload's number of a service port: mapped by the port's name, then by the target port's number; then the target
// port itself. Zero means that the workload does not serve it.
func (i *instance) port(p Port) uint32 {
	byName, byNumber := i.Ports[p.Name], i.Ports[strconv.FormatUint(uint64(p.TargetPort), 10)]
	if i.Bound { // several services may know different ports under one name
		return cmp.Or(byNumber, i.Ports[p.TargetName], byName)
	}
	if n := cmp.Or(byName, byNumber); n != 0 {
		return n
	}
	if p.TargetName != "" {
		return cmp.Or(i.Ports[p.TargetName], i.Named[p.TargetName])
	}
	return cmp.Or(p.TargetPort, p.Number)
}

// entryInstance resolves a WorkloadEntry, or an endpoint of a ServiceEntry with the same fields.
func (t *update) entryInstance(o *config.Object, e *networking.WorkloadEntry, labels map[string]string) *instance {
	if len(labels) > 0 { // metadata counts too; the spec wins
		merged := maps.Clone(labels)
		maps.Copy(merged, e.Labels)
		labels = merged
	} else {
		labels = e.Labels
	}
	mode, explicit := labels[labelTLSMode]
	i := &instance{
		Key:            o.Key,
		Labels:         labels,
		Addresses:      []string{e.Address},
		Ports:          e.Ports,
		Bound:          o.Meta.Annotations[AnnotationBoundPorts] == "true",
		ServiceAccount: e.ServiceAccount,
		Identity:       t.identity(o.Key.Namespace, e.ServiceAccount),
		TLS:            mode == "istio" || !explicit && e.ServiceAccount != "",
		Ready:          true,
		Healthy:        true,
		Weight:         max(e.Weight, 1),
		Network:        cmp.Or(e.Network, labels[labelNetwork]),
		Locality:       cmp.Or(e.Locality, localityLabel(labels)),
		Authn:          t.peerAuthn(o.Key.Namespace, labels),
	}
	if _, unhealthy := o.Meta.Annotations[AnnotationUnhealthy]; unhealthy {
		i.Healthy = false
	}
	return i.seal()
}

// identity returns the SPIFFE id of a service account; a full id stands as it is.
func (t *update) identity(namespace, account string) string {
	if account == "" || strings.HasPrefix(account, "spiffe://") {
		return account
	}
	return "spiffe://" + t.config.TrustDomain + "/ns/" + namespace + "/sa/" + account
}

func localityLabel(labels map[string]string) string {
	return strings.ReplaceAll(labels[labelLocality], ".", "/")
}

// applyInstances resolves every stale workload and notes whom it concerns.
func (t *update) applyInstances() {
	for _, key := range sortedKeys(t.staleInstances) {
		before := t.instances.get(key)
		after := t.parseInstance(t.set.Get(key))
		if before == nil && after == nil || before != nil && after != nil && before.Digest == after.Digest {
			delete(t.staleInstances, key)
			continue
		}
		t.indexAddresses(key, before, after)
		if after == nil {
			t.instances.delete(key)
			delete(t.staleInstances, key)
		} else {
			t.instances.set(key, after)
		}
		t.reselect(key, before, after)
		t.workloadChanged(key, before, after)
	}
}

// parseInstance resolves a WorkloadEntry or a Pod; nil when it is gone or cannot be reached.
func (t *update) parseInstance(o *config.Object) *instance {
	if o == nil {
		return nil
	}
	if o.Key.Kind == config.Pod {
		return t.podInstance(o)
	}
	e, ok := o.Spec.(*networking.WorkloadEntry)
	if !ok {
		return nil
	}
	t.report(o.Key, nil)
	if e.Address == "" && e.Network == "" {
		t.report(o.Key, []config.Problem{invalid(o, config.Error, "spec.address", "a WorkloadEntry needs an address", "set spec.address")})
		return nil
	}
	if e.Address == "" { // reached through its network's gateway only
		return nil
	}
	i := t.entryInstance(o, e, o.Meta.Labels)
	if i.named() {
		t.staleChecks[o.Key] = true
	}
	return i
}

// indexAddresses keeps the index by address.
func (t *update) indexAddresses(key config.Key, before, after *instance) {
	if before != nil && after != nil && slices.Equal(before.Addresses, after.Addresses) {
		return
	}
	if before != nil {
		for _, a := range before.Addresses {
			at := nsName{key.Namespace, a}
			setList(&t.addresses, at, without(t.addresses.get(at), func(k config.Key) bool { return k == key }))
		}
	}
	if after != nil {
		for _, a := range after.Addresses {
			at := nsName{key.Namespace, a}
			setList(&t.addresses, at, insert(t.addresses.get(at), key, config.Key.Compare))
		}
	}
}

// workloadChanged notes which proxies' own listeners and which slices' services a workload concerns.
func (t *update) workloadChanged(key config.Key, before, after *instance) {
	inbound := before == nil || after == nil || before.Inbound != after.Inbound
	refs := []string{"pod/" + key.Name}
	for _, i := range []*instance{before, after} {
		if i == nil {
			continue
		}
		for _, a := range i.Addresses {
			refs = append(refs, "ip/"+a)
			if inbound {
				t.change.Workloads[key.Namespace+"/"+a] = true
			}
		}
	}
	if inbound {
		t.change.Workloads[key.Namespace+"/"+key.Name] = true
	}
	for _, ref := range refs {
		for _, svc := range t.sliceRefs.get(nsName{key.Namespace, ref}) {
			t.staleBackends[t.kubernetesHost(svc)] = true
		}
	}
}

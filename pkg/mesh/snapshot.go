// Package mesh resolves configuration objects to what proxies need: services with endpoints, the rules that hold for them, and
// scopes of visibility. A Snapshot is immutable; Apply derives the next one and says what changed. The package is pure: the same
// objects give the same snapshot, on a server, in `plan` and in tests.
package mesh

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/config"
)

// Options are what a mesh is told at start. Empty fields take the defaults in brackets.
type Options struct {
	SystemNamespace string // where mesh-wide configuration lives [istio-system]
	DomainSuffix    string // of Kubernetes Services [cluster.local]
	TrustDomain     string // of identities, unless the MeshConfig says otherwise [cluster.local]
	ConfigName      string // of the ConfigMap with the MeshConfig; revisions have their own [istio]
	ClusterID       string // name of the cluster that the mesh is in, as telemetry and failoverPriority see it [Kubernetes, as Istio's]
}

func (o Options) withDefaults() Options {
	o.SystemNamespace = cmp.Or(o.SystemNamespace, "istio-system")
	o.DomainSuffix = cmp.Or(o.DomainSuffix, "cluster.local")
	o.TrustDomain = cmp.Or(o.TrustDomain, "cluster.local")
	o.ConfigName = cmp.Or(o.ConfigName, config.MeshConfigName)
	o.ClusterID = cmp.Or(o.ClusterID, "Kubernetes")
	return o
}

// Snapshot is the resolved mesh at one moment. It is immutable and any number of goroutines may read it.
type Snapshot struct {
	tables
}

// Build resolves a set of objects: it is Apply of everything to nothing.
func Build(set config.Set, o Options) *Snapshot {
	s := empty(o)
	next, _ := s.advance(set, allOf(set))
	return next
}

func empty(o Options) *Snapshot {
	return &Snapshot{tables{options: o.withDefaults()}}
}

// Set returns the objects that the snapshot was made from.
func (s *Snapshot) Set() config.Set { return s.set }

// Derived returns the objects that objects of other APIs were converted to, see config.Key.Derive.
func (s *Snapshot) Derived() config.Set { return s.derived }

// Options returns what the snapshot was built with, defaults filled in.
func (s *Snapshot) Options() Options { return s.options }

// Config returns the mesh-wide configuration, never nil.
func (s *Snapshot) Config() *Config { return s.config }

// Services ranges over every service of the mesh in no particular order; a host may come once for every namespace that declares it.
func (s *Snapshot) Services() iter.Seq[*Service] {
	return func(yield func(*Service) bool) {
		for _, list := range s.services.table.All() {
			for _, svc := range list {
				if !yield(svc) {
					return
				}
			}
		}
	}
}

// Service returns the service that a client in a namespace reaches under a fully qualified host: its own namespace's first, then
// Kubernetes Services, then the oldest; nil when there is none that exportTo lets it see. Sidecar objects are not
// considered: ask a Scope for that.
func (s *Snapshot) Service(host, fromNamespace string) *Service {
	list := s.services.get(strings.ToLower(host))
	return prefer(list, fromNamespace, func(*Service) bool { return true })
}

// Endpoints returns where a port of a service is served: never nil, and the same pointer from snapshot to snapshot while
// the content is the same.
func (s *Snapshot) Endpoints(svc *Service, port Port) *EndpointSet {
	if b := s.backends.get(hostKey{svc.Host, svc.Namespace}); b != nil {
		if set := b.of(port.Number); set != nil {
			return set
		}
	}
	return noEndpoints()
}

// Problems returns what is wrong with the objects as a whole and what became of them, by object.
func (s *Snapshot) Problems() []config.Problem {
	var out []config.Problem
	for _, list := range s.problems.table.All() {
		out = append(out, list...)
	}
	slices.SortStableFunc(out, func(a, b config.Problem) int {
		return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
	return out
}

// notEnforced are the kinds that users rely on and that do not reach proxies yet.
func notEnforced() []config.Kind {
	return []config.Kind{
		config.UDPRoute, config.SMIUDPRoute,
	}
}

// NotEnforced lists the objects whose kinds have no effect yet, by kind, namespace and name.
func (s *Snapshot) NotEnforced() []*config.Object {
	var out []*config.Object
	for _, kind := range notEnforced() {
		out = slices.AppendSeq(out, s.set.All(kind))
	}
	slices.SortFunc(out, func(a, b *config.Object) int { return a.Key.Compare(b.Key) })
	return out
}

// NamespaceLabels returns the labels of a Namespace object, nil when there is none.
func (s *Snapshot) NamespaceLabels(namespace string) map[string]string {
	if o := s.set.Get(config.Key{Kind: config.Namespace, Name: namespace}); o != nil {
		return o.Meta.Labels
	}
	return nil
}

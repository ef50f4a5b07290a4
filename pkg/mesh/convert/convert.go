// Package convert turns objects of other APIs (the Gateway API, SMI, Kubernetes Ingress) into those of Istio's that mean the same,
// as Istio does. It is pure: the result depends on the object and on what it read of the world.
package convert

import "github.com/meshctl/meshctl/pkg/config"

// World is what a conversion may look at. Every read is a dependency: the object is converted again when the answer may differ.
type World interface {
	// Get returns the object of a key, nil when there is none.
	Get(key config.Key) *config.Object
	// In returns the objects of a kind in a namespace, the oldest first.
	In(kind config.Kind, namespace string) []*config.Object
}

// Settings are what conversions take from the mesh-wide configuration.
type Settings struct {
	DomainSuffix    string // of Kubernetes Services
	TrustDomain     string
	SystemNamespace string
	// IngressClass and IngressMode say which Ingresses count; IngressSelector is the value of the label "istio" of their gateways.
	IngressClass, IngressSelector string
	IngressMode                   IngressMode
}

// IngressMode says which Ingresses count, as MeshConfig.ingressControllerMode does.
type IngressMode uint8

const (
	// IngressStrict takes those of the class only.
	IngressStrict IngressMode = iota
	// IngressDefault takes those of no class, too.
	IngressDefault
	// IngressOff takes none.
	IngressOff
)

// Derived is an object made of another one.
type Derived struct {
	Object *config.Object
	// Fields leads from fields of Object to those of the object that it was made of; the longest prefix counts.
	Fields map[string]string
}

// Result is what became of an object.
type Result struct {
	Objects  []Derived
	Problems []config.Problem
}

// Notes for the reader of a derived object.
const (
	// NoteNamespace is where the proxies of a Gateway are.
	NoteNamespace = "~namespace"
	// NoteAccount is the service account of the proxies that a policy holds for.
	NoteAccount = "~account"
)

// CredentialPrefix begins the name of a Secret with its namespace, "NAMESPACE/NAME", in a derived Gateway.
const CredentialPrefix = "kubernetes-gateway://"

// Kinds lists the kinds that are converted.
func Kinds() []config.Kind {
	return []config.Kind{
		config.K8sGateway, config.ListenerSet, config.HTTPRoute, config.GRPCRoute, config.TLSRoute, config.TCPRoute,
		config.Ingress, config.TrafficSplit, config.TrafficTarget, config.BackendTLSPolicy,
	}
}

// Reads lists the kinds that conversions read besides.
func Reads() []config.Kind {
	return []config.Kind{
		config.GatewayClass, config.ReferenceGrant, config.Namespace, config.IngressClass, config.HTTPRouteGroup, config.SMITCPRoute,
		config.Service, config.Secret, config.ConfigMap,
	}
}

// Object converts an object of one of the Kinds.
func Object(o *config.Object, w World, s Settings) Result {
	c := &converter{object: o, world: w, settings: s}
	switch o.Key.Kind {
	case config.K8sGateway:
		c.gateway()
	case config.ListenerSet:
		c.listenerSet()
	case config.HTTPRoute:
		c.httpRoute()
	case config.GRPCRoute:
		c.grpcRoute()
	case config.TLSRoute:
		c.tlsRoute()
	case config.TCPRoute:
		c.tcpRoute()
	case config.BackendTLSPolicy:
		c.backendTLS()
	case config.Ingress:
		c.ingress()
	case config.TrafficSplit:
		c.trafficSplit()
	case config.TrafficTarget:
		c.trafficTarget()
	}
	return c.result
}

// converter converts one object.
type converter struct {
	object   *config.Object
	world    World
	settings Settings
	result   Result
}

func (c *converter) namespace() string { return c.object.Key.Namespace }

func (c *converter) add(kind config.Kind, spec any, notes, fields map[string]string, parts ...string) {
	c.result.Objects = append(c.result.Objects, Derived{c.object.Derive(kind, spec, notes, parts...), fields})
}

// get returns the content of an object, nil when there is none.
func get[T any](c *converter, kind config.Kind, namespace, name string) *T {
	o := c.world.Get(config.Key{Kind: kind, Namespace: namespace, Name: name})
	if o == nil {
		return nil
	}
	spec, _ := o.Spec.(*T)
	return spec
}

// or returns what a pointer leads to, or else a default.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

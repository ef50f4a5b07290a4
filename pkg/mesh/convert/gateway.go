package convert

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// LabelGatewayName is by what the proxies of a Gateway are known in its namespace.
const LabelGatewayName = "gateway.networking.k8s.io/gateway-name"

// Controller of GatewayClasses that are ours, as Istio names it.
const Controller = "istio.io/gateway-controller"

// ClassName is the one GatewayClass that need not be there.
const ClassName = "istio"

// Automated reports whether a Gateway's proxies are deployed for it, where there is somebody to do that: unless its addresses name those
// that were deployed by hand. One address that is an IP is asked of the load balancer. See
// https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#automated-deployment.
func Automated(g *gatewayv1.Gateway) bool {
	a := g.Spec.Addresses
	return len(a) == 0 || len(a) == 1 && or(a[0].Type, gatewayv1.IPAddressType) == gatewayv1.IPAddressType
}

// Listeners are those of a Gateway and then those of the ListenerSets that it takes, of all that there are.
func Listeners(w World, g *gatewayv1.Gateway, sets []*config.Object) []gatewayv1.Listener {
	out := slices.Clone(listenersOf(g))
	for _, o := range sets {
		s, ok := o.Spec.(*gatewayv1.ListenerSet)
		if !ok {
			continue
		}
		c := &converter{object: o, world: w}
		if key, parent, _ := c.parentOf(o.Key, s); parent != nil && key.Name == g.Name && key.Namespace == g.Namespace {
			out = append(out, entriesOf(s)...)
		}
	}
	return out
}

// accepted reports whether a Gateway is of a class of this mesh; say reports why not.
func (c *converter) accepted(g *gatewayv1.Gateway, say bool) bool {
	name := string(g.Spec.GatewayClassName)
	class := get[gatewayv1.GatewayClass](c, config.GatewayClass, "", name)
	const field = "spec.gatewayClassName"
	switch {
	case strings.HasSuffix(name, "-waypoint") && strings.HasPrefix(name, "istio"):
		if say {
			c.ignored(field, "a waypoint proxy belongs to ambient mode, which this mesh does not have; the Gateway is left out", "use the class istio, and sidecars")
		}
		return false
	case class == nil && name == ClassName:
		return true
	case class == nil:
		if say {
			c.missing(field, fmt.Sprintf("there is no GatewayClass %s, and only istio needs none; the Gateway is left out", name), "use istio, or create the GatewayClass with controllerName: "+Controller, config.GatewayClass)
		}
		return false
	}
	return class.Spec.ControllerName == Controller // others have their own controllers
}

// place is where the proxies of a Gateway are.
type place struct {
	namespace string
	selector  map[string]string
}

// places finds the proxies of a Gateway: those with its label in its namespace, or those behind the Services that its addresses name.
func (c *converter) places(key config.Key, g *gatewayv1.Gateway, say bool) []place {
	var out []place
	named := false
	for i, a := range g.Spec.Addresses {
		field := fmt.Sprintf("spec.addresses[%d]", i)
		if or(a.Type, gatewayv1.IPAddressType) != gatewayv1.HostnameAddressType {
			if say && !Automated(g) {
				c.ignored(field+".type", "an address is assigned by whoever deploys the gateway; it has no effect", "remove it, or write type: Hostname with the name of the gateway's Service")
			}
			continue
		}
		named = true
		name, namespace := c.serviceName(a.Value, key.Namespace)
		svc := get[corev1.Service](c, config.Service, namespace, name)
		if svc == nil || len(svc.Spec.Selector) == 0 {
			if say {
				c.missing(field+".value", fmt.Sprintf("there is no Service %s/%s with a selector; no proxy serves the Gateway at it", namespace, name), "write NAME.NAMESPACE.svc."+c.settings.DomainSuffix+" of the gateway's Service", config.Service)
			}
			continue
		}
		out = append(out, place{namespace, svc.Spec.Selector})
	}
	if !named {
		out = append(out, place{key.Namespace, map[string]string{LabelGatewayName: key.Name}})
	}
	return out
}

// serviceName splits the name of a Service: NAME, NAME.NAMESPACE or the whole.
func (c *converter) serviceName(host, namespace string) (name, in string) {
	name, rest, _ := strings.Cut(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	if rest == "" {
		return name, namespace
	}
	in, _, _ = strings.Cut(rest, ".")
	return name, in
}

// gateway makes an Istio Gateway of each listener.
func (c *converter) gateway() {
	g, ok := c.object.Spec.(*gatewayv1.Gateway)
	if !ok || !c.accepted(g, true) {
		return
	}
	c.infrastructure(g)
	if g.Spec.TLS != nil && g.Spec.TLS.Backend != nil {
		c.ignored("spec.tls.backend", "a client certificate for backends is not supported", "use a DestinationRule with tls.mode MUTUAL and credentialName")
	}
	if g.Spec.DefaultScope != "" && g.Spec.DefaultScope != gatewayv1.GatewayDefaultScopeNone {
		c.ignored("spec.defaultScope", "default Gateways are not supported", "name the Gateway in the parentRefs of its routes")
	}
	c.listeners(listenersOf(g), c.places(c.object.Key, g, true), frontends(g))
}

// infrastructure checks what is said of the proxies that are deployed for the Gateway.
func (c *converter) infrastructure(g *gatewayv1.Gateway) {
	i := g.Spec.Infrastructure
	switch {
	case i == nil:
	case !Automated(g):
		c.ignored("spec.infrastructure", "the proxies that spec.addresses names are deployed by hand; it has no effect", "put labels and annotations on the gateway's Deployment")
	case i.ParametersRef != nil:
		const field = "spec.infrastructure.parametersRef"
		ref := i.ParametersRef
		if ref.Group != "" || ref.Kind != "ConfigMap" {
			c.fail(field, fmt.Sprintf("%s %s is not supported", ref.Kind, ref.Name), "name a ConfigMap, with group \"\"")
		} else if key := (config.Key{Kind: config.ConfigMap, Namespace: c.object.Key.Namespace, Name: ref.Name}); c.world.Get(key) == nil {
			c.missing(field, "there is no ConfigMap "+key.Namespace+"/"+key.Name+": nothing is deployed for the Gateway, or what is stays as it is", "create it", config.ConfigMap)
		}
	}
}

func listenersOf(g *gatewayv1.Gateway) []gatewayv1.Listener { return g.Spec.Listeners }

// entriesOf are the listeners of a ListenerSet.
func entriesOf(s *gatewayv1.ListenerSet) []gatewayv1.Listener {
	out := make([]gatewayv1.Listener, 0, len(s.Spec.Listeners))
	for _, e := range s.Spec.Listeners {
		out = append(out, gatewayv1.Listener(e))
	}
	return out
}

// parentOf returns the Gateway that a ListenerSet belongs to, nil with the reason when there is none that takes it.
func (c *converter) parentOf(set config.Key, s *gatewayv1.ListenerSet) (key config.Key, g *gatewayv1.Gateway, why fault) {
	ref := s.Spec.ParentRef
	key = config.Key{Kind: config.K8sGateway, Namespace: string(or(ref.Namespace, gatewayv1.Namespace(set.Namespace))), Name: string(ref.Name)}
	g = get[gatewayv1.Gateway](c, key.Kind, key.Namespace, key.Name)
	switch {
	case or(ref.Kind, "Gateway") != "Gateway":
		return key, nil, fault{because: "the parent of a ListenerSet is a Gateway"}
	case g == nil:
		return key, nil, noSuch(key)
	case !c.accepted(g, false):
		return key, nil, fault{because: "the Gateway " + key.Namespace + "/" + key.Name + " is not of a class of this mesh"}
	}
	from, selector := gatewayv1.NamespacesFromNone, (*metav1.LabelSelector)(nil)
	if a := g.Spec.AllowedListeners; a != nil && a.Namespaces != nil {
		from, selector = or(a.Namespaces.From, from), a.Namespaces.Selector
	}
	if !c.admits(from, selector, key.Namespace, set.Namespace) {
		return key, nil, fault{because: "the Gateway " + key.Namespace + "/" + key.Name + " allows no ListenerSets of this namespace"}
	}
	return key, g, fault{}
}

// listenerSet adds listeners to a Gateway.
func (c *converter) listenerSet() {
	s, ok := c.object.Spec.(*gatewayv1.ListenerSet)
	if !ok {
		return
	}
	key, g, why := c.parentOf(c.object.Key, s)
	if g == nil {
		c.lost("spec.parentRef", why, "; the listeners are left out", "correct the reference, or set spec.allowedListeners of the Gateway")
		return
	}
	var free []gatewayv1.Listener
	for i, l := range entriesOf(s) {
		if taken(listenersOf(g), l) {
			c.fail(fmt.Sprintf("spec.listeners[%d]", i), "the Gateway has a listener for the same port and hostname, which takes precedence; this one is left out", "use another hostname or port")
			l.Protocol = ""
		}
		free = append(free, l)
	}
	c.listeners(free, c.places(key, g, false), frontends(g))
}

// taken reports whether a listener would serve what one of a list serves.
func taken(list []gatewayv1.Listener, l gatewayv1.Listener) bool {
	for _, o := range list {
		if o.Port == l.Port && or(o.Hostname, "") == or(l.Hostname, "") && (o.Protocol == gatewayv1.HTTPProtocolType) == (l.Protocol == gatewayv1.HTTPProtocolType) {
			return true
		}
	}
	return false
}

// admits reports whether something of a namespace may attach to something of another one.
func (c *converter) admits(from gatewayv1.FromNamespaces, selector *metav1.LabelSelector, own, other string) bool {
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSame:
		return own == other
	case gatewayv1.NamespacesFromSelector:
		match, err := metav1.LabelSelectorAsSelector(selector)
		return err == nil && match.Matches(labels.Set(c.namespaceLabels(other)))
	}
	return false
}

// namespaceLabels are those of a Namespace, with the label that Kubernetes gives to each.
func (c *converter) namespaceLabels(namespace string) map[string]string {
	out := map[string]string{corev1.LabelMetadataName: namespace}
	if o := c.world.Get(config.Key{Kind: config.Namespace, Name: namespace}); o != nil {
		for k, v := range o.Meta.Labels {
			out[k] = v
		}
	}
	return out
}

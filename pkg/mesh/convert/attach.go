package convert

import (
	"fmt"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// attachment is where a route is in force.
type attachment struct {
	// gateways are the derived Gateways, as "namespace/name", of the listeners.
	gateways  []string
	listeners []gatewayv1.Listener
	// services are the parents of kind Service (GAMMA).
	services []serviceParent
}

type serviceParent struct {
	name, namespace string
	port            uint32 // 0 is every one
}

// attach resolves the parents of a route.
func (c *converter) attach(spec gatewayv1.CommonRouteSpec, hostnames []gatewayv1.Hostname) attachment {
	var out attachment
	if spec.UseDefaultGateways != "" && spec.UseDefaultGateways != gatewayv1.GatewayDefaultScopeNone {
		c.ignored("spec.useDefaultGateways", "default Gateways are not supported", "name the Gateway in parentRefs")
	}
	for i, h := range hostnames {
		if name := strings.TrimPrefix(string(h), "*."); name == "" || strings.ContainsAny(name, "*/: ") {
			c.invalid(fmt.Sprintf("spec.hostnames[%d]", i), fmt.Sprintf("%q is not a hostname; it is left out", h), "write a name, or a wildcard such as *.example.com")
		}
	}
	if len(spec.ParentRefs) == 0 {
		c.questionable("spec.parentRefs", "the route has no parent and is not in force", "name a Gateway or a Service")
	}
	for i, ref := range spec.ParentRefs {
		field := fmt.Sprintf("spec.parentRefs[%d]", i)
		namespace := string(or(ref.Namespace, gatewayv1.Namespace(c.namespace())))
		kind := config.Kind{Group: coreGroup(string(or(ref.Group, gatewayv1.GroupName))), Name: string(or(ref.Kind, "Gateway"))}
		key := config.Key{Kind: kind, Namespace: namespace, Name: string(ref.Name)}
		switch kind {
		case config.K8sGateway, config.ListenerSet:
			c.attachTo(&out, field, key, ref, hostnames)
		case config.Service:
			c.attachToService(&out, field, key, ref, hostnames)
		default:
			c.fail(field, "a route cannot have a "+kind.String()+" as its parent; the reference is left out", "name a Gateway, a ListenerSet or a Service")
		}
	}
	return out
}

func (c *converter) attachToService(out *attachment, field string, key config.Key, ref gatewayv1.ParentReference, hostnames []gatewayv1.Hostname) {
	if c.world.Get(key) == nil {
		c.missing(field, "there is no Service "+key.Namespace+"/"+key.Name+"; the route is not in force for it", "create it, or correct the name", config.Service)
		return
	}
	if ref.SectionName != nil && ref.Port == nil {
		c.fail(field+".sectionName", "a port of a Service is named by its number; the route is not in force for it", "use port")
		return
	}
	if len(hostnames) > 0 {
		c.warn("spec.hostnames", "requests to a Service are known by the Service; hostnames have no effect there", "remove them")
	}
	out.services = append(out.services, serviceParent{key.Name, key.Namespace, uint32(or(ref.Port, 0))})
}

// attachTo finds the listeners of a Gateway or ListenerSet that take the route, or says why none does.
func (c *converter) attachTo(out *attachment, field string, key config.Key, ref gatewayv1.ParentReference, hostnames []gatewayv1.Hostname) {
	list, places, ok := c.parent(field, key)
	if !ok {
		return
	}
	named, allowed, served := false, false, false
	for i, l := range list {
		if ref.SectionName != nil && *ref.SectionName != l.Name || ref.Port != nil && *ref.Port != l.Port {
			continue
		}
		named = true
		if !takes(l, c.object.Key.Kind) || !c.admitsRoute(l, key.Namespace) {
			continue
		}
		allowed = true
		if !meets(l, hostnames) || taken(list[:i], l) {
			continue
		}
		served = true
		out.listeners = append(out.listeners, l)
		for j := range places {
			derived := key.Derive(config.Gateway, listenerParts(l.Name, j)...)
			if name := derived.Namespace + "/" + derived.Name; !slices.Contains(out.gateways, name) {
				out.gateways = append(out.gateways, name)
			}
		}
	}
	switch {
	case !named:
		c.missing(field, "no listener of "+key.String()+" has that name and port; the route is not attached", "correct sectionName or port")
	case !allowed:
		var needs []config.Kind
		if slices.ContainsFunc(list, selectsNamespaces) {
			needs = []config.Kind{config.Namespace}
		}
		c.report(config.Error, codes.UnresolvedError, field, "no listener of "+key.String()+" allows a "+c.object.Key.Kind.Name+" of the namespace "+c.namespace()+"; the route is not attached", "set allowedRoutes of the listener, or use another", needs...)
	case !served:
		c.fail(field, "no listener of "+key.String()+" serves one of the hostnames; the route is not attached", "use a hostname that the listener's covers")
	}
}

// parent returns the listeners of a Gateway or ListenerSet, and where they are served.
func (c *converter) parent(field string, key config.Key) ([]gatewayv1.Listener, []place, bool) {
	why := noSuch(key)
	if key.Kind == config.ListenerSet {
		set := get[gatewayv1.ListenerSet](c, key.Kind, key.Namespace, key.Name)
		if set != nil {
			parent, g, reason := c.parentOf(key, set)
			if g != nil {
				return entriesOf(set), c.places(parent, g, false), true
			}
			why = reason
		}
	} else if g := get[gatewayv1.Gateway](c, key.Kind, key.Namespace, key.Name); g != nil {
		return listenersOf(g), c.places(key, g, false), c.accepted(g, false) // a Gateway of others is theirs to speak of
	}
	c.lost(field, why, "; the route is not attached", "create it, or correct the reference")
	return nil, nil, false
}

// admitsRoute reports whether a listener takes routes of the object's namespace.
func (c *converter) admitsRoute(l gatewayv1.Listener, namespace string) bool {
	if l.AllowedRoutes == nil || l.AllowedRoutes.Namespaces == nil {
		return namespace == c.namespace()
	}
	n := l.AllowedRoutes.Namespaces
	return c.admits(or(n.From, gatewayv1.NamespacesFromSame), n.Selector, namespace, c.namespace())
}

// selectsNamespaces reports whether the labels of a namespace decide whether its routes may attach.
func selectsNamespaces(l gatewayv1.Listener) bool {
	return l.AllowedRoutes != nil && l.AllowedRoutes.Namespaces != nil && or(l.AllowedRoutes.Namespaces.From, "") == gatewayv1.NamespacesFromSelector
}

// meets reports whether a listener serves one of a route's hostnames; none is all of them.
func meets(l gatewayv1.Listener, hostnames []gatewayv1.Hostname) bool {
	own := strings.ToLower(string(or(l.Hostname, "")))
	if own == "" || len(hostnames) == 0 || l.Protocol == gatewayv1.TCPProtocolType {
		return true
	}
	return slices.ContainsFunc(hostnames, func(h gatewayv1.Hostname) bool {
		host := strings.ToLower(string(h))
		return host == own || under(host, own) || under(own, host)
	})
}

// under reports whether a wildcard covers a name.
func under(pattern, name string) bool {
	suffix, ok := strings.CutPrefix(pattern, "*")
	return ok && strings.HasSuffix(name, suffix) && name != suffix
}

package convert

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// frontend says how clients of a port prove who they are.
type frontend func(port gatewayv1.PortNumber) (v *gatewayv1.FrontendTLSValidation, field string)

func frontends(g *gatewayv1.Gateway) frontend {
	return func(port gatewayv1.PortNumber) (*gatewayv1.FrontendTLSValidation, string) {
		if g.Spec.TLS == nil || g.Spec.TLS.Frontend == nil {
			return nil, ""
		}
		for i, p := range g.Spec.TLS.Frontend.PerPort {
			if p.Port == port {
				return p.TLS.Validation, fmt.Sprintf("spec.tls.frontend.perPort[%d].tls.validation", i)
			}
		}
		return g.Spec.TLS.Frontend.Default.Validation, "spec.tls.frontend.default.validation"
	}
}

// listeners makes an Istio Gateway of each listener at each place.
func (c *converter) listeners(list []gatewayv1.Listener, places []place, front frontend) {
	for i, l := range list {
		field := fmt.Sprintf("spec.listeners[%d]", i)
		if l.Protocol == "" {
			continue // reported as such
		}
		if slices.ContainsFunc(list[:i], func(o gatewayv1.Listener) bool { return o.Name == l.Name }) {
			c.invalid(field+".name", fmt.Sprintf("an earlier listener is named %q, too; this one is left out", l.Name), "give each listener a name of its own")
			continue
		}
		if taken(list[:i], l) {
			c.invalid(field, "an earlier listener has the same port and hostname; this one is left out", "use another hostname or port")
			continue
		}
		c.allowedRoutes(field+".allowedRoutes", l)
		server, ok := c.server(field, l, front)
		if !ok {
			continue
		}
		for j, p := range places {
			spec := &networking.Gateway{Selector: p.selector, Servers: []*networking.Server{server}}
			fields := map[string]string{
				"spec": field, "spec.servers[0].port.number": field + ".port", "spec.servers[0].port.protocol": field + ".protocol", "spec.servers[0].hosts": field + ".hostname",
				"spec.servers[0].tls": field + ".tls", "spec.servers[0].tls.credentialName": field + ".tls.certificateRefs[0]",
			}
			c.add(config.Gateway, spec, map[string]string{NoteNamespace: p.namespace}, fields, listenerParts(l.Name, j)...)
		}
	}
}

// listenerParts tells the Gateways that are made of one object apart.
func listenerParts(name gatewayv1.SectionName, place int) []string {
	if place == 0 {
		return []string{string(name)}
	}
	return []string{string(name), fmt.Sprint(place)}
}

// server is what a listener serves; false leaves it out.
func (c *converter) server(field string, l gatewayv1.Listener, front frontend) (*networking.Server, bool) {
	host := string(or(l.Hostname, "*"))
	if host == "" {
		host = "*"
	}
	s := &networking.Server{Hosts: []string{host}, Port: &networking.Port{Number: uint32(l.Port), Name: string(l.Name), Protocol: string(l.Protocol)}}
	if l.Port < 1 || l.Port > 65535 {
		c.invalid(field+".port", fmt.Sprintf("port %d is not between 1 and 65535; the listener is left out", l.Port), "write for example 80")
		return nil, false
	}
	switch l.Protocol {
	case gatewayv1.HTTPProtocolType, gatewayv1.TCPProtocolType:
		if l.TLS != nil {
			c.invalid(field+".tls", "a listener of protocol "+string(l.Protocol)+" has no TLS; the listener is left out", "use protocol HTTPS or TLS, or remove tls")
			return nil, false
		}
		if l.Protocol == gatewayv1.TCPProtocolType && host != "*" {
			c.invalid(field+".hostname", "connections of protocol TCP have no hostname; it has no effect", "remove it")
			s.Hosts = []string{"*"}
		}
		return s, true
	case gatewayv1.HTTPSProtocolType, gatewayv1.TLSProtocolType:
		var ok bool
		s.Tls, ok = c.serverTLS(field+".tls", l, front)
		return s, ok
	case gatewayv1.UDPProtocolType:
		c.fail(field+".protocol", "UDP is not supported; the listener is left out", "use TCP")
	default:
		c.invalid(field+".protocol", fmt.Sprintf("%q is not a protocol that a gateway serves; the listener is left out", l.Protocol), "use HTTP, HTTPS, TLS or TCP")
	}
	return nil, false
}

func (c *converter) serverTLS(field string, l gatewayv1.Listener, front frontend) (*networking.ServerTLSSettings, bool) {
	if l.TLS == nil {
		c.invalid(strings.TrimSuffix(field, "tls")+"protocol", "a listener of protocol "+string(l.Protocol)+" needs tls; it is left out", "add tls.certificateRefs with the name of a Secret")
		return nil, false
	}
	for _, k := range sorted(l.TLS.Options) {
		c.ignored(field+".options["+string(k)+"]", "this option is not supported; it has no effect", "use an Istio Gateway for finer settings")
	}
	if or(l.TLS.Mode, gatewayv1.TLSModeTerminate) == gatewayv1.TLSModePassthrough {
		if l.Protocol == gatewayv1.HTTPSProtocolType {
			c.invalid(field+".mode", "requests cannot be routed without ending TLS; the listener is left out", "use protocol TLS, or mode: Terminate")
			return nil, false
		}
		return &networking.ServerTLSSettings{Mode: networking.ServerTLSSettings_PASSTHROUGH}, true
	}
	out := &networking.ServerTLSSettings{Mode: networking.ServerTLSSettings_SIMPLE}
	for i, ref := range l.TLS.CertificateRefs {
		if name, ok := c.certificate(fmt.Sprintf("%s.certificateRefs[%d]", field, i), ref); ok {
			out.CredentialNames = append(out.CredentialNames, name)
		}
	}
	switch len(out.CredentialNames) {
	case 0:
		if len(l.TLS.CertificateRefs) == 0 {
			c.invalid(field+".certificateRefs", "there is no certificate; the listener is left out", "name a Secret of type kubernetes.io/tls")
		}
		return nil, false
	case 1:
		out.CredentialName, out.CredentialNames = out.CredentialNames[0], nil
	}
	v, at := front(l.Port)
	return out, v == nil || c.clients(out, v, at)
}

// certificate resolves a reference to a Secret.
func (c *converter) certificate(field string, ref gatewayv1.SecretObjectReference) (string, bool) {
	namespace := string(or(ref.Namespace, gatewayv1.Namespace(c.namespace())))
	name := string(ref.Name)
	switch {
	case coreGroup(string(or(ref.Group, ""))) != "" || or(ref.Kind, "Secret") != "Secret":
		c.fail(field, fmt.Sprintf("a certificate is in a Secret, not in a %s; it is left out", or(ref.Kind, "")), "use kind: Secret")
	case !c.granted(config.Secret, namespace, name):
		c.missing(field, fmt.Sprintf("no ReferenceGrant allows the use of the Secret %s/%s; it is left out", namespace, name), c.grantFix(config.Secret, namespace), config.ReferenceGrant)
	case get[corev1.Secret](c, config.Secret, namespace, name) == nil:
		c.missing(field, fmt.Sprintf("there is no Secret %s/%s; it is left out", namespace, name), "create it: kubectl create secret tls", config.Secret)
	default:
		return CredentialPrefix + namespace + "/" + name, true
	}
	return "", false
}

// clients sets how clients prove who they are; false leaves the listener out, rather than to serve it with fewer checks.
func (c *converter) clients(out *networking.ServerTLSSettings, v *gatewayv1.FrontendTLSValidation, field string) bool {
	gateway := c.object.Key.Kind == config.K8sGateway
	if !gateway { // the Gateway's field, which is not in this object
		field = "spec.parentRef"
	}
	out.Mode = networking.ServerTLSSettings_MUTUAL
	if v.Mode == gatewayv1.AllowInsecureFallback {
		out.Mode = networking.ServerTLSSettings_OPTIONAL_MUTUAL
	}
	if len(v.CACertificateRefs) != 1 {
		c.fail(field+".caCertificateRefs", "exactly one object with authorities is supported; the listener is left out", "put all authorities into one ConfigMap")
		return false
	}
	ref := v.CACertificateRefs[0]
	namespace, kind := string(or(ref.Namespace, gatewayv1.Namespace(c.namespace()))), config.Kind{Group: coreGroup(string(ref.Group)), Name: string(ref.Kind)}
	at := field
	if gateway {
		at += ".caCertificateRefs[0]"
	}
	switch {
	case kind != config.ConfigMap && kind != config.Secret:
		c.fail(at, "authorities are in a ConfigMap or Secret; the listener is left out", "use kind: ConfigMap")
	case !c.granted(kind, namespace, string(ref.Name)):
		c.missing(at, fmt.Sprintf("no ReferenceGrant allows the use of %s %s/%s; the listener is left out", kind.Name, namespace, ref.Name), c.grantFix(kind, namespace), config.ReferenceGrant)
	case c.world.Get(config.Key{Kind: kind, Namespace: namespace, Name: string(ref.Name)}) == nil:
		c.missing(at, fmt.Sprintf("there is no %s %s/%s; the listener is left out", kind.Name, namespace, ref.Name), "create it with a key ca.crt", kind)
	default:
		prefix := CredentialPrefix
		if kind == config.ConfigMap {
			prefix = "configmap://"
		}
		out.CaCertCredentialName = prefix + namespace + "/" + string(ref.Name)
		return true
	}
	return false
}

// routeKinds are what may attach to a listener.
func routeKinds(l gatewayv1.Listener) []config.Kind {
	switch l.Protocol {
	case gatewayv1.HTTPProtocolType, gatewayv1.HTTPSProtocolType:
		return []config.Kind{config.HTTPRoute, config.GRPCRoute}
	case gatewayv1.TLSProtocolType:
		if l.TLS != nil && or(l.TLS.Mode, gatewayv1.TLSModeTerminate) == gatewayv1.TLSModePassthrough {
			return []config.Kind{config.TLSRoute}
		}
		return []config.Kind{config.TLSRoute, config.TCPRoute}
	case gatewayv1.TCPProtocolType:
		return []config.Kind{config.TCPRoute}
	}
	return nil
}

// allowedRoutes reports kinds that can never attach.
func (c *converter) allowedRoutes(field string, l gatewayv1.Listener) {
	if l.AllowedRoutes == nil {
		return
	}
	for i, k := range l.AllowedRoutes.Kinds {
		kind := config.Kind{Group: string(or(k.Group, gatewayv1.GroupName)), Name: string(k.Kind)}
		if list := routeKinds(l); list != nil && !slices.Contains(list, kind) {
			c.fail(fmt.Sprintf("%s.kinds[%d]", field, i), fmt.Sprintf("a %s cannot attach to a listener of protocol %s", kind, l.Protocol), "use one of "+names(list))
		}
	}
}

// takes reports whether a kind may attach to a listener.
func takes(l gatewayv1.Listener, kind config.Kind) bool {
	if !slices.Contains(routeKinds(l), kind) {
		return false
	}
	if l.AllowedRoutes == nil || len(l.AllowedRoutes.Kinds) == 0 {
		return true
	}
	return slices.ContainsFunc(l.AllowedRoutes.Kinds, func(k gatewayv1.RouteGroupKind) bool {
		return config.Kind{Group: string(or(k.Group, gatewayv1.GroupName)), Name: string(k.Kind)} == kind
	})
}

func names(kinds []config.Kind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.Name)
	}
	return strings.Join(out, ", ")
}

func sorted[K ~string, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

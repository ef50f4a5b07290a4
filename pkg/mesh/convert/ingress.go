package convert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// How an Ingress says whose it is.
const (
	annotationIngressClass = "kubernetes.io/ingress.class"
	ingressController      = "istio.io/ingress-controller"
)

// ours reports whether an Ingress is of this mesh, as MeshConfig's ingressControllerMode says.
func (c *converter) ours(i *networkingv1.Ingress) bool {
	if c.settings.IngressMode == IngressOff {
		return false
	}
	if class, ok := c.object.Meta.Annotations[annotationIngressClass]; ok {
		return class == c.settings.IngressClass
	}
	if i.Spec.IngressClassName == nil {
		return c.settings.IngressMode == IngressDefault
	}
	class := get[networkingv1.IngressClass](c, config.IngressClass, "", *i.Spec.IngressClassName)
	if class == nil {
		ours := *i.Spec.IngressClassName == c.settings.IngressClass
		if !ours {
			c.missing("spec.ingressClassName", fmt.Sprintf("there is no IngressClass %s, and only %s needs none; nobody serves the Ingress", *i.Spec.IngressClassName, c.settings.IngressClass),
				"use "+c.settings.IngressClass+", or create the IngressClass", config.IngressClass)
		}
		return ours
	}
	return class.Spec.Controller == ingressController
}

// ingress makes a Gateway with a plaintext server and one for each certificate, and a VirtualService for each host.
func (c *converter) ingress() {
	i, ok := c.object.Spec.(*networkingv1.Ingress)
	if !ok || !c.ours(i) {
		return
	}
	servers := []*networking.Server{{Hosts: []string{"*"}, Port: &networking.Port{Number: 80, Name: "http", Protocol: "HTTP"}}}
	fields := map[string]string{"spec": "spec"}
	for j, t := range i.Spec.TLS {
		at := fmt.Sprintf("spec.tls[%d]", j)
		if t.SecretName == "" {
			c.fail(at+".secretName", "there is no certificate; the hosts are not served over TLS", "name a Secret of type kubernetes.io/tls")
			continue
		}
		server := fmt.Sprintf("spec.servers[%d]", len(servers))
		fields[server], fields[server+".tls"] = at, at+".secretName"
		for k := range t.Hosts {
			fields[fmt.Sprintf("%s.hosts[%d]", server, k)] = fmt.Sprintf("%s.hosts[%d]", at, k)
		}
		servers = append(servers, &networking.Server{
			Hosts: orAny(t.Hosts), Port: &networking.Port{Number: 443, Name: fmt.Sprintf("https-%d", j), Protocol: "HTTPS"},
			Tls: &networking.ServerTLSSettings{Mode: networking.ServerTLSSettings_SIMPLE, CredentialName: c.ingressSecret(t.SecretName)},
		})
	}
	gateway := c.object.Key.Derive(config.Gateway)
	c.add(config.Gateway, &networking.Gateway{Selector: map[string]string{"istio": c.settings.IngressSelector}, Servers: servers}, nil, fields)
	c.ingressRules(i, gateway.Namespace+"/"+gateway.Name)
}

func orAny(hosts []string) []string {
	if len(hosts) == 0 {
		return []string{"*"}
	}
	return hosts
}

// ingressSecret names the Secret beside the Ingress, as Kubernetes has it, or else that beside the gateway, as Istio has it.
func (c *converter) ingressSecret(name string) string {
	if get[corev1.Secret](c, config.Secret, c.namespace(), name) != nil {
		return CredentialPrefix + c.namespace() + "/" + name
	}
	return name
}

// ingressRules makes the routes of each host. What no path takes goes to the default backend.
func (c *converter) ingressRules(i *networkingv1.Ingress, gateway string) {
	routes := map[string][]*networking.HTTPRoute{}
	fields := map[string]map[string]string{}
	put := func(host string, r *networking.HTTPRoute, field string) {
		if fields[host] == nil {
			fields[host] = map[string]string{"spec": "spec"}
		}
		fields[host][fmt.Sprintf("spec.http[%d]", len(routes[host]))] = field
		routes[host] = append(routes[host], r)
	}
	for j, rule := range i.Spec.Rules {
		host := rule.Host
		if host == "" {
			host = "*"
		}
		if rule.HTTP == nil {
			continue
		}
		for k, p := range rule.HTTP.Paths {
			at := fmt.Sprintf("spec.rules[%d].http.paths[%d]", j, k)
			if p.Path != "" && (p.Path[0] != '/' || strings.ContainsAny(p.Path, "?#")) {
				c.invalid(at+".path", fmt.Sprintf("%q is not an absolute path; it is left out", p.Path), "begin it with a slash, and leave out the query")
				continue
			}
			put(host, &networking.HTTPRoute{
				Match: []*networking.HTTPMatchRequest{{Uri: ingressPath(p)}}, Route: c.ingressBackend(at+".backend", p.Backend),
			}, at)
		}
	}
	if b := i.Spec.DefaultBackend; b != nil {
		route := c.ingressBackend("spec.defaultBackend", *b)
		for _, host := range slices.Compact(slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(routes)), "*")))) {
			put(host, &networking.HTTPRoute{Match: []*networking.HTTPMatchRequest{{Uri: prefixed("/")}}, Route: route}, "spec.defaultBackend")
		}
	}
	for j, host := range slices.Sorted(maps.Keys(routes)) {
		c.add(config.VirtualService, &networking.VirtualService{
			Hosts: []string{host}, Gateways: []string{gateway}, Http: routes[host], ExportTo: []string{"*"},
		}, nil, fields[host], fmt.Sprint(j))
	}
}

// ingressPath translates a path. Without a type it is as Istio reads it: exact, unless .* or /* ends it.
func ingressPath(p networkingv1.HTTPIngressPath) *networking.StringMatch {
	path := p.Path
	switch or(p.PathType, networkingv1.PathTypeImplementationSpecific) {
	case networkingv1.PathTypeExact:
		return exactly(cmp.Or(path, "/"))
	case networkingv1.PathTypePrefix:
		return prefixed(segments(path))
	}
	if start, ok := strings.CutSuffix(path, ".*"); ok {
		return matching(quote(start) + ".*")
	}
	if start, ok := strings.CutSuffix(path, "/*"); ok || path == "" {
		return prefixed(segments(start))
	}
	return exactly(path)
}

func (c *converter) ingressBackend(field string, b networkingv1.IngressBackend) []*networking.HTTPRouteDestination {
	out := &networking.Destination{Host: unresolved, Port: &networking.PortSelector{Number: 1}}
	switch {
	case b.Service == nil:
		c.fail(field, "a resource is no backend of this mesh; requests get 500", "use service")
	case get[corev1.Service](c, config.Service, c.namespace(), b.Service.Name) == nil:
		c.missing(field+".service.name", fmt.Sprintf("there is no Service %s/%s; requests get 500", c.namespace(), b.Service.Name), "create it, or correct the name", config.Service)
	default:
		svc := get[corev1.Service](c, config.Service, c.namespace(), b.Service.Name)
		if port := servicePort(svc, b.Service.Port); port != 0 {
			out.Host, out.Port.Number = c.fqdn(b.Service.Name, c.namespace()), port
		} else {
			c.missing(field+".service.port", fmt.Sprintf("the Service %s/%s has no such port; requests get 500", c.namespace(), b.Service.Name), "use a port of the Service")
		}
	}
	return []*networking.HTTPRouteDestination{{Destination: out}}
}

// servicePort finds a port by number or name; 0 when there is none.
func servicePort(svc *corev1.Service, want networkingv1.ServiceBackendPort) uint32 {
	for _, p := range svc.Spec.Ports {
		if want.Number == p.Port || want.Number == 0 && want.Name != "" && want.Name == p.Name {
			return uint32(p.Port)
		}
	}
	return 0
}

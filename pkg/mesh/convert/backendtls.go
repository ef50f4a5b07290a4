package convert

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// AuthoritiesPrefix begins the name of a ConfigMap with authorities, "NAMESPACE/NAME", in a derived DestinationRule.
const AuthoritiesPrefix = "configmap://"

// backendTLS makes a DestinationRule of each Service whose connections a BackendTLSPolicy secures.
func (c *converter) backendTLS() {
	p, ok := c.object.Spec.(*gatewayv1.BackendTLSPolicy)
	if !ok {
		return
	}
	for _, k := range sorted(p.Spec.Options) {
		c.ignored("spec.options["+string(k)+"]", "this option is not supported; it has no effect", "use a DestinationRule for finer settings")
	}
	tls := c.clientTLS(p.Spec.Validation)
	for i, ref := range p.Spec.TargetRefs {
		field := fmt.Sprintf("spec.targetRefs[%d]", i)
		if kind := (config.Kind{Group: coreGroup(string(ref.Group)), Name: string(ref.Kind)}); kind != config.Service {
			c.fail(field, "a "+kind.String()+" is no backend of this mesh; the policy is not in force for it", "name a Service")
			continue
		}
		svc := get[corev1.Service](c, config.Service, c.namespace(), string(ref.Name))
		if svc == nil {
			c.missing(field, fmt.Sprintf("there is no Service %s/%s; the policy is not in force for it", c.namespace(), ref.Name), "create it, or correct the name", config.Service)
			continue
		}
		policy := &networking.TrafficPolicy{Tls: tls}
		if ref.SectionName != nil {
			port := namedPort(svc, string(*ref.SectionName))
			if port == 0 {
				c.missing(field+".sectionName", fmt.Sprintf("the Service %s/%s has no port of that name; the policy is not in force for it", c.namespace(), ref.Name), "use the name of one of its ports")
				continue
			}
			policy = &networking.TrafficPolicy{PortLevelSettings: []*networking.TrafficPolicy_PortTrafficPolicy{{Port: &networking.PortSelector{Number: port}, Tls: tls}}}
		}
		rule := &networking.DestinationRule{Host: c.fqdn(string(ref.Name), c.namespace()), TrafficPolicy: policy, ExportTo: []string{"*"}}
		c.add(config.DestinationRule, rule, nil, map[string]string{"spec": "spec", "spec.host": field}, fmt.Sprint(i))
	}
}

func namedPort(svc *corev1.Service, name string) uint32 {
	for _, p := range svc.Spec.Ports {
		if p.Name == name {
			return uint32(p.Port)
		}
	}
	return 0
}

// clientTLS says how a backend proves who it is. Authorities that are missing are named all the same: without them no connection is
// made, rather than one that nobody checks.
func (c *converter) clientTLS(v gatewayv1.BackendTLSPolicyValidation) *networking.ClientTLSSettings {
	const field = "spec.validation"
	out := &networking.ClientTLSSettings{Mode: networking.ClientTLSSettings_SIMPLE, Sni: string(v.Hostname)}
	for i, n := range v.SubjectAltNames {
		name := string(n.Hostname)
		if n.Type == gatewayv1.URISubjectAltNameType {
			name = string(n.URI)
		}
		if name == "" {
			c.invalid(fmt.Sprintf("%s.subjectAltNames[%d]", field, i), "there is no name of that type; it matches nothing", "set hostname, or uri with type: URI")
			continue
		}
		out.SubjectAltNames = append(out.SubjectAltNames, name)
	}
	if len(v.SubjectAltNames) == 0 || len(out.SubjectAltNames) == 0 {
		out.SubjectAltNames = []string{string(v.Hostname)}
	}
	if len(v.CACertificateRefs) == 0 {
		if or(v.WellKnownCACertificates, "") != gatewayv1.WellKnownCACertificatesSystem {
			c.invalid(field, "neither caCertificateRefs nor wellKnownCACertificates is set; what the machine trusts is trusted", "set wellKnownCACertificates: System")
		}
		return out
	}
	if len(v.CACertificateRefs) > 1 {
		c.fail(field+".caCertificateRefs[1]", "one object with authorities is supported; the others are left out", "put all authorities into one ConfigMap")
	}
	ref := v.CACertificateRefs[0]
	name := string(ref.Name)
	switch kind := (config.Kind{Group: coreGroup(string(ref.Group)), Name: string(ref.Kind)}); {
	case kind != config.ConfigMap:
		c.fail(field+".caCertificateRefs[0]", "authorities are in a ConfigMap; no connection is made", "use kind: ConfigMap")
		name = "~" // which nothing has
	case get[corev1.ConfigMap](c, kind, c.namespace(), name) == nil:
		c.missing(field+".caCertificateRefs[0]", fmt.Sprintf("there is no ConfigMap %s/%s; no connection is made", c.namespace(), name), "create it with a key ca.crt", config.ConfigMap)
	}
	out.CredentialName = AuthoritiesPrefix + c.namespace() + "/" + name
	return out
}

package gateways

import (
	"crypto/x509"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
	"github.com/meshctl/meshctl/pkg/mesh/credentials"
)

func credentialsOf() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "gateway-credential",
		Doc:   "certificates of Gateways, listeners and Ingresses: missing, unusable, expired, or not for the hosts",
		Codes: []codes.Code{codes.ReferenceNotFound, codes.InvalidCredential, codes.CertificateExpired, codes.CertificateExpiring, codes.CertificateNames},
		Kinds: append(proxyKinds(), config.Secret, config.K8sGateway, config.ListenerSet, config.GatewayClass, config.ReferenceGrant, config.Ingress, config.IngressClass, config.Service),
		Run: func(p *analyze.Pass) {
			c := &certificateCheck{Pass: p, gateways: proxies.Of(p), named: secretsByName.Of(p), told: map[config.Key]bool{},
				parsed: map[config.Key]parsedSecret{}, selected: map[string][]string{}, found: map[searched]found{}}
			for _, o := range gatewaysOf(p) {
				c.gateway(o)
			}
			p.Reads(config.K8sGateway, config.ListenerSet, config.GatewayClass, config.ReferenceGrant, config.Ingress, config.IngressClass, config.Service)
			for _, o := range p.Mesh().Derived().Sorted(config.Gateway) {
				c.gateway(o)
			}
		},
	}
}

// secretsByName is the fact of all Secrets by their names, whatever their namespaces.
var secretsByName = analyze.NewFact(func(p *analyze.Pass) map[string][]*config.Object {
	out := map[string][]*config.Object{}
	for _, o := range p.All(config.Secret) {
		out[o.Key.Name] = append(out[o.Key.Name], o)
	}
	return out
})

// certificateCheck looks at the certificates of one server after the other.
type certificateCheck struct {
	*analyze.Pass
	gateways gatewayProxies
	named    map[string][]*config.Object
	told     map[config.Key]bool // Secrets of which is said when they expire
	parsed   map[config.Key]parsedSecret
	selected map[string][]string // by selector, the namespaces of its workloads
	found    map[searched]found
}

// searched is what is looked for: a Secret, wherever the workloads of a selector are.
type searched struct{ selector, name string }

type found struct {
	secret  *config.Object
	missing string // the first namespace that has none
}

// parsedSecret is what a Secret holds: why it is no certificate with its key, or else the chain.
type parsedSecret struct {
	fault string
	chain []*x509.Certificate
}

func (c *certificateCheck) parse(secret *config.Object) parsedSecret {
	parsed, ok := c.parsed[secret.Key]
	if !ok {
		if parsed.fault = credentials.PairProblem(secret); parsed.fault == "" {
			parsed.chain = credentials.Chain(secret)
		}
		c.parsed[secret.Key] = parsed
	}
	return parsed
}

// reference is the place where a server names a credential.
type reference struct {
	// gateway is the object, perhaps a derived one.
	gateway  *config.Object
	selector map[string]string
	server   *networking.Server
	field    string // within gateway
	name     string // without prefix; with its namespace in a derived Gateway
}

func (c *certificateCheck) gateway(o *config.Object) {
	spec, ok := o.Spec.(*networking.Gateway)
	if !ok {
		return
	}
	places, known := c.places(o, spec)
	for i, s := range spec.Servers {
		tls := s.GetTls()
		if tls.GetMode() == networking.ServerTLSSettings_ISTIO_MUTUAL {
			continue // which has no credentials
		}
		var usable []*config.Object
		field := serverField(i) + ".tls"
		complete := true
		for j, name := range serverCredentials(tls) {
			at := field + ".credentialName"
			if tls.CredentialName == "" {
				at = field + ".credentialNames[" + itoa(j) + "]"
			}
			secret, ok := c.certificate(reference{o, spec.Selector, s, at, secretName(name)}, places, known)
			complete = complete && ok
			if secret != nil {
				usable = append(usable, secret)
			}
		}
		if complete && len(usable) > 0 && terminates(tls) {
			c.names(o, s, i, usable)
		}
		if mutual(tls) {
			c.authorities(reference{o, spec.Selector, s, field, ""}, usable, places, known)
		}
	}
}

// places are the namespaces in which the proxies of a Gateway look for Secrets. Unless it is known which proxies there are, they are those
// where it is usual to have them.
func (c *certificateCheck) places(o *config.Object, spec *networking.Gateway) (list []string, known bool) {
	if o.Key.Derived() && o.Key.Origin().Kind != config.Ingress {
		return []string{o.Key.Namespace}, true // what was converted says the namespace itself
	}
	text := labelText(spec.Selector)
	list, ok := c.selected[text]
	if !ok {
		list = namespaces(c.proxiesOf(o, spec))
		c.selected[text] = list
	}
	if len(list) > 0 {
		return list, true
	}
	if c.gateways.known && !o.Key.Derived() {
		return nil, true
	}
	list = []string{c.Config().SystemNamespace}
	if o.Key.Namespace != list[0] {
		list = append(list, o.Key.Namespace)
	}
	return list, false
}

func (c *certificateCheck) proxiesOf(o *config.Object, spec *networking.Gateway) []*analyze.Workload {
	if !o.Key.Derived() {
		return c.gateways.of(spec.Selector)
	}
	return analyze.AllWorkloads(c.Pass).Selected("", spec.Selector)
}

// serverCredentials are the names that a server's settings have for its certificates.
func serverCredentials(tls *networking.ServerTLSSettings) []string {
	if name := tls.GetCredentialName(); name != "" {
		return []string{name}
	}
	return tls.GetCredentialNames()
}

// secretName is a credential's name without the prefix that it may have.
func secretName(name string) string {
	name = strings.TrimPrefix(name, "kubernetes://")
	return strings.TrimPrefix(name, convert.CredentialPrefix)
}

// terminates reports whether servers of a mode have certificates that the Gateway names.
func terminates(tls *networking.ServerTLSSettings) bool {
	return tls.GetMode() == networking.ServerTLSSettings_SIMPLE || mutual(tls)
}

func mutual(tls *networking.ServerTLSSettings) bool {
	m := tls.GetMode()
	return m == networking.ServerTLSSettings_MUTUAL || m == networking.ServerTLSSettings_OPTIONAL_MUTUAL
}

// find returns the Secret that proxies in a namespace take for a name, nil when there is none.
func (c *certificateCheck) find(o *config.Object, namespace, name string) *config.Object {
	if at, short, ok := strings.Cut(name, "/"); ok && o.Key.Derived() {
		namespace, name = at, short
	}
	return c.Get(config.Key{Kind: config.Secret, Namespace: namespace, Name: name})
}

package mesh

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// caSuffix of the Secret that holds the authorities apart from the certificate, as Istio documents for mutual TLS.
const caSuffix = "-cacert"

// configMapPrefix begins the name of a ConfigMap among credentials: "configmap://NAMESPACE/NAME" in Istio's API.
const configMapPrefix = "configmap://"

// secretName is a credential's name without the prefix that it may have.
func secretName(name string) string { return strings.TrimPrefix(name, "kubernetes://") }

// secret returns a credential of the router's namespace, nil when there is none with a certificate.
func (r *resolver) secret(name string) *config.Object { return r.secretIn(r.key.Namespace, name) }

func (r *resolver) secretIn(namespace, name string) *config.Object {
	o := r.set.Get(config.Key{Kind: config.Secret, Namespace: namespace, Name: name})
	if o == nil {
		return nil
	}
	if s, ok := o.Spec.(*corev1.Secret); ok {
		for _, key := range []string{"tls.crt", "cert", "ca.crt", "cacert"} {
			if len(s.Data[key]) > 0 {
				return o
			}
		}
	}
	return nil
}

// configMap returns a ConfigMap of the router's namespace, nil when there is none with authorities.
func (r *resolver) configMap(name string) *config.Object { return r.configMapIn(r.key.Namespace, name) }

func (r *resolver) configMapIn(namespace, name string) *config.Object {
	o := r.set.Get(config.Key{Kind: config.ConfigMap, Namespace: namespace, Name: name})
	if o == nil {
		return nil
	}
	if m, ok := o.Spec.(*corev1.ConfigMap); ok && (m.Data["ca.crt"] != "" || m.Data["cacert"] != "") {
		return o
	}
	return nil
}

// credentials resolves the certificates of a server and the authorities of its clients. Only a derived Gateway may use those of other
// namespaces: whether it does was decided where it was made.
func (r *resolver) credentials(tls *networking.ServerTLSSettings, derived bool) (certificates []Credential, authorities Credential) {
	for _, name := range serverCredentials(tls) {
		if namespace, short, ok := elsewhere(name); ok && derived {
			certificates = append(certificates, Credential{namespace + "/" + short, r.secretIn(namespace, short)})
			continue
		}
		name = secretName(name)
		certificates = append(certificates, Credential{name, r.secret(name)})
	}
	if name := tls.GetCaCertCredentialName(); name != "" {
		if namespace, short, ok := elsewhere(name); ok && derived {
			return certificates, Credential{namespace + "/" + short + "/cacert", r.secretIn(namespace, short)}
		}
		if path, ok := strings.CutPrefix(name, configMapPrefix); ok && derived {
			namespace, short, _ := strings.Cut(path, "/")
			return certificates, Credential{"configmap/" + path, r.configMapIn(namespace, short)}
		}
		return certificates, r.authorities(name)
	}
	if len(certificates) > 0 {
		first := certificates[0]
		authorities = Credential{first.Name + caSuffix, r.secret(first.Name + caSuffix)}
		if authorities.Object == nil {
			authorities.Object = first.Object
		}
	}
	return certificates, authorities
}

// elsewhere splits the name of a Secret that says its namespace.
func elsewhere(name string) (namespace, short string, ok bool) {
	path, ok := strings.CutPrefix(name, convert.CredentialPrefix)
	if !ok {
		return "", "", false
	}
	namespace, short, ok = strings.Cut(path, "/")
	return namespace, short, ok
}

// authorities finds what caCertCredentialName means: a Secret, or a ConfigMap; of another namespace neither.
func (r *resolver) authorities(name string) Credential {
	if path, ok := strings.CutPrefix(name, configMapPrefix); ok {
		namespace, name, _ := strings.Cut(path, "/")
		out := Credential{Name: "configmap/" + name}
		if namespace == r.key.Namespace {
			out.Object = r.configMap(name)
		}
		return out
	}
	name = secretName(name)
	if o := r.secret(name); o != nil {
		if strings.HasSuffix(name, caSuffix) {
			return Credential{name, o}
		}
		return Credential{name + "/cacert", o} // apart from the certificate that the same Secret may be elsewhere
	}
	return Credential{"configmap/" + name, r.configMap(name)}
}

// serverCredentials are the names that a server's settings have for its certificates.
func serverCredentials(tls *networking.ServerTLSSettings) []string {
	if name := tls.GetCredentialName(); name != "" {
		return []string{name}
	}
	return tls.GetCredentialNames()
}

// credentials are the names of the Secrets, and "configmap/NAME" of the ConfigMaps, that a Gateway uses.
func (g *gateway) credentials() []string {
	var out []string
	for _, s := range g.Spec.Servers {
		for _, name := range serverCredentials(s.GetTls()) {
			if _, short, ok := elsewhere(name); ok {
				name = short
			}
			out = append(out, secretName(name))
		}
		if name := s.GetTls().GetCaCertCredentialName(); name != "" {
			if _, short, ok := elsewhere(name); ok {
				name = short
			}
			name = secretName(strings.TrimPrefix(name, configMapPrefix))
			out = append(out, name, "configmap/"+name[strings.LastIndexByte(name, '/')+1:])
		}
	}
	return out
}

// credentials are the names of the Secrets that a DestinationRule uses at gateways, and "configmap/NAME" of ConfigMaps.
func (r *rule) credentials() []string {
	var out []string
	use := func(tls *networking.ClientTLSSettings) {
		name := tls.GetCredentialName()
		if path, ok := strings.CutPrefix(name, configMapPrefix); ok {
			name = "configmap/" + path[strings.LastIndexByte(path, '/')+1:]
		}
		if name != "" {
			out = append(out, name)
		}
	}
	add := func(p *networking.TrafficPolicy) {
		use(p.GetTls())
		for _, l := range p.GetPortLevelSettings() {
			use(l.GetTls())
		}
	}
	add(r.Spec.TrafficPolicy)
	for _, s := range r.Spec.Subsets {
		add(s.TrafficPolicy)
	}
	return out
}

// useCredential notes who uses Secrets.
func (t *update) useCredential(names []string, user config.Key, uses bool) {
	for _, name := range names {
		for _, n := range []string{name, name + caSuffix} {
			list := without(t.credentials.get(n), func(k config.Key) bool { return k == user })
			if uses {
				list = insert(list, user, config.Key.Compare)
			}
			setList(&t.credentials, n, list)
		}
	}
}

// readSecret takes in a changed Secret or ConfigMap, which counts when something uses it as a credential.
func (t *update) readSecret(d delta) {
	if d.before != nil && d.after != nil && d.before.Digest == d.after.Digest && d.after.Digest != (config.Digest{}) {
		return
	}
	t.staleSecrets = append(t.staleSecrets, d.key())
}

// applySecrets notes the changed Secrets and ConfigMaps that are credentials.
func (t *update) applySecrets() {
	slices.SortFunc(t.staleSecrets, config.Key.Compare)
	for _, key := range t.staleSecrets {
		name := key.Name
		if key.Kind == config.ConfigMap {
			name = "configmap/" + name
		}
		users := t.credentials.get(name)
		if len(users) == 0 {
			continue
		}
		t.change.Secrets = append(t.change.Secrets, key)
		for _, u := range users {
			t.change.Gateways = t.change.Gateways || u.Kind == config.Gateway
			t.pullsWith(u, key)
		}
	}
}

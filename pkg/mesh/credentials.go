package mesh

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// secret returns a credential of the router's namespace, nil when there is none with a certificate.
func (r *resolver) secret(name string) *config.Object {
	o := r.set.Get(config.Key{Kind: config.Secret, Namespace: r.key.Namespace, Name: strings.TrimPrefix(name, "kubernetes://")})
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

// credentials are the names of the Secrets that a Gateway uses.
func (g *gateway) credentials() []string {
	var out []string
	for _, s := range g.Spec.Servers {
		if name := s.GetTls().GetCredentialName(); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// credentials are the names of the Secrets that a DestinationRule uses at gateways.
func (r *rule) credentials() []string {
	var out []string
	add := func(p *networking.TrafficPolicy) {
		if name := p.GetTls().GetCredentialName(); name != "" {
			out = append(out, name)
		}
		for _, l := range p.GetPortLevelSettings() {
			if name := l.GetTls().GetCredentialName(); name != "" {
				out = append(out, name)
			}
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

// readSecret takes in a changed Secret, which counts when something uses it as a credential.
func (t *update) readSecret(d delta) {
	if d.before != nil && d.after != nil && d.before.Digest == d.after.Digest && d.after.Digest != (config.Digest{}) {
		return
	}
	t.staleSecrets = append(t.staleSecrets, d.key())
}

// applySecrets notes the changed Secrets that are credentials.
func (t *update) applySecrets() {
	slices.SortFunc(t.staleSecrets, config.Key.Compare)
	for _, key := range t.staleSecrets {
		users := t.credentials.get(key.Name)
		if len(users) == 0 {
			continue
		}
		t.change.Secrets = append(t.change.Secrets, key)
		for _, u := range users {
			t.change.Gateways = t.change.Gateways || u.Kind == config.Gateway
		}
	}
}

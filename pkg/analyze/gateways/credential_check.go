package gateways

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh/credentials"
)

func itoa(i int) string { return strconv.Itoa(i) }

// certificate judges the Secret that a reference means, and returns it when it is of use; ok is false when nothing is known of it.
func (c *certificateCheck) certificate(r reference, places []string, known bool) (usable *config.Object, ok bool) {
	if len(places) == 0 || strings.Contains(r.name, "://") {
		return nil, false // said of the selector, or not a Secret
	}
	if !c.Knows(config.Secret) {
		what := "Secret " + places[0] + "/" + r.name
		c.open(codes.ReferenceNotFound, r, what, config.Secret)
		c.open(codes.InvalidCredential, r, what, config.Secret)
		return nil, false
	}
	secret, missing := c.lookUp(r, places, known)
	switch {
	case secret == nil && missing == "":
		c.open(codes.ReferenceNotFound, r, "the gateway's Deployment or Pod, in whose namespace the Secret "+r.name+" must be", config.Pod)
		return nil, false
	case missing != "":
		c.report(r, analyze.Finding{
			Code:    codes.ReferenceNotFound,
			Message: fmt.Sprintf("there is no Secret %s in %s; %s", r.name, place(r, missing, known), consequence(r)),
			Fix:     fmt.Sprintf("create it where the gateway's proxies are: kubectl create secret tls %s -n %s --cert=FILE --key=FILE", r.name, missing),
		})
		return nil, false
	}
	if c.Broken(secret) {
		return nil, false
	}
	if reason := c.unusable(r, secret); reason != "" {
		c.report(r, analyze.Finding{
			Code:    codes.InvalidCredential,
			Message: fmt.Sprintf("the Secret %s is no valid credential: %s", full(secret), reason),
			Fix:     "put a valid certificate with its key into it, in PEM under tls.crt and tls.key",
			Related: []analyze.Related{{Object: secret.Key, Position: secret.Position(), Message: "the Secret"}},
		})
		return nil, false
	}
	if terminates(r.server.GetTls()) {
		c.validity(secret, r)
	}
	return secret, true
}

// lookUp finds a Secret in every one of the places, or returns the first place where it is missing. Neither is known when the places are
// a guess and the Secret is elsewhere.
func (c *certificateCheck) lookUp(r reference, places []string, known bool) (secret *config.Object, missing string) {
	if r.gateway.Key.Derived() || !known { // whose namespace counts
		secret, missing = c.search(r, places)
	} else {
		key := searched{labelText(r.selector), r.name}
		f, ok := c.found[key]
		if !ok {
			f.secret, f.missing = c.search(r, places)
			c.found[key] = f
		}
		secret, missing = f.secret, f.missing
	}
	if secret == nil && !known && len(c.named[r.name]) > 0 || secret != nil && (!known || isIngress(r)) {
		missing = ""
	}
	return secret, missing
}

// search returns the first Secret of a name in the places, and the first place that has none.
func (c *certificateCheck) search(r reference, places []string) (secret *config.Object, missing string) {
	for _, namespace := range places {
		one := c.find(r.gateway, namespace, r.name)
		if secret == nil {
			secret = one
		}
		if one == nil && missing == "" {
			missing = namespace
		}
	}
	return secret, missing
}

func isIngress(r reference) bool { return r.gateway.Key.Origin().Kind == config.Ingress }

// place says where a Secret is missing.
func place(r reference, namespace string, known bool) string {
	switch {
	case !known:
		return "any namespace"
	case isIngress(r):
		return fmt.Sprintf("the namespace of the Ingress, nor in %s, that of the gateway's proxies", namespace)
	}
	return fmt.Sprintf("the namespace %s of the gateway's proxies", namespace)
}

// consequence says what comes of a credential that is of no use.
func consequence(r reference) string {
	if terminates(r.server.GetTls()) {
		return "connections to the server are refused"
	}
	return "mode " + r.server.GetTls().GetMode().String() + " does not use it"
}

// unusable says why a Secret is no credential. An expired certificate is reported so where Istio does: of its own Gateways.
func (c *certificateCheck) unusable(r reference, secret *config.Object) string {
	parsed := c.parse(secret)
	if parsed.fault != "" {
		return parsed.fault + "; " + consequence(r)
	}
	leaf := parsed.chain[0]
	switch {
	case r.gateway.Key.Derived():
	case c.Now().After(leaf.NotAfter):
		return "its certificate expired on " + date(leaf.NotAfter) + "; clients refuse the connection"
	case c.Now().Before(leaf.NotBefore):
		return "its certificate is not valid before " + date(leaf.NotBefore) + "; clients refuse the connection"
	}
	return ""
}

// authorities judges where the authorities of clients' certificates come from.
func (c *certificateCheck) authorities(r reference, usable []*config.Object, places []string, known bool) {
	tls := r.server.GetTls()
	if r.gateway.Key.Derived() || len(places) == 0 {
		return // the conversion has checked them
	}
	if name := tls.GetCaCertCredentialName(); name != "" {
		r.field, r.name = r.field+".caCertCredentialName", secretName(name)
		c.ownAuthorities(r, places, known)
		return
	}
	if len(usable) == 0 || tls.GetCaCertificates() != "" {
		return
	}
	secret := usable[0]
	beside := c.find(r.gateway, secret.Key.Namespace, secret.Key.Name+"-cacert")
	if credentials.HasAuthorities(secret) || beside != nil && credentials.HasAuthorities(beside) {
		return
	}
	r.field += ".credentialName"
	c.report(r, analyze.Finding{
		Code:    codes.InvalidCredential,
		Message: fmt.Sprintf("mode %s needs the authorities of clients' certificates, and neither the Secret %s nor %s-cacert has any; connections to the server are refused", tls.GetMode(), full(secret), secret.Key.Name),
		Fix:     "add them to the Secret in PEM under ca.crt, or create the Secret " + secret.Key.Name + "-cacert with them",
	})
}

// ownAuthorities judges what caCertCredentialName means: a Secret, or else a ConfigMap.
func (c *certificateCheck) ownAuthorities(r reference, places []string, known bool) {
	if strings.Contains(r.name, "://") {
		return
	}
	objects := slices.Clone(c.named[r.name])
	for _, namespace := range places {
		if o := c.Get(config.Key{Kind: config.ConfigMap, Namespace: namespace, Name: r.name}); o != nil {
			objects = append(objects, o)
		}
	}
	objects = slices.DeleteFunc(objects, func(o *config.Object) bool { return known && !slices.Contains(places, o.Key.Namespace) })
	switch {
	case len(objects) == 0 && (!c.Knows(config.Secret) || !c.Knows(config.ConfigMap)):
		c.open(codes.ReferenceNotFound, r, "Secret or ConfigMap "+places[0]+"/"+r.name, config.Secret, config.ConfigMap)
	case len(objects) == 0:
		c.report(r, analyze.Finding{
			Code:    codes.ReferenceNotFound,
			Message: fmt.Sprintf("there is no Secret or ConfigMap %s in the namespace %s of the gateway's proxies; connections to the server are refused", r.name, places[0]),
			Fix:     "create it there with the authorities of clients' certificates under ca.crt",
		})
	case !slices.ContainsFunc(objects, credentials.HasAuthorities):
		c.report(r, analyze.Finding{
			Code:    codes.InvalidCredential,
			Message: fmt.Sprintf("%s has no authorities of clients' certificates; connections to the server are refused", objects[0].Key),
			Fix:     "put them in PEM under ca.crt",
		})
	}
}

// report reports at the place that people wrote.
func (c *certificateCheck) report(r reference, f analyze.Finding) {
	f.Object, f.Field = c.written(r.gateway, r.field)
	if f.Object != nil {
		c.Report(f)
	}
}

func (c *certificateCheck) open(code codes.Code, r reference, what string, kinds ...config.Kind) {
	if o, _ := c.written(r.gateway, r.field); o != nil && !c.Broken(o) {
		c.Open(code, o, what, kinds...)
	}
}

// written returns the object and the field that people wrote for those of a Gateway.
func (c *certificateCheck) written(gateway *config.Object, field string) (*config.Object, string) {
	if !gateway.Key.Derived() {
		return gateway, field
	}
	p := c.Mesh().Attribute(config.Problem{Object: gateway.Key, Field: field})
	return c.Mesh().Set().Get(p.Object), p.Field
}

package authz

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// compile reads the policies of workload app=web in namespace shop from YAML; the mesh's root namespace is istio-system.
func compile(t *testing.T, yaml string) *Policies {
	t.Helper()
	objects, problems := config.Decode("policies.yaml", strings.NewReader(yaml))
	for _, p := range problems {
		t.Log(p)
	}
	s := mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), mesh.Options{})
	p := mesh.Proxy{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}}
	return Compile(s.Config(), s.Workload(p), mesh.Sidecar, nil)
}

// policyYAML is an AuthorizationPolicy with rules in one line of YAML.
func policyYAML(name, action, rules string) string {
	return `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ` + name + `, namespace: shop}
spec: {action: ` + action + `, rules: ` + rules + `}
`
}

const cart = "spiffe://cluster.local/ns/shop/sa/cart"

// get is a request of cart.
func get(path string, headers ...string) Request {
	r := Request{Peer: cart, Source: netip.MustParseAddr("10.1.2.3"), Port: 8080, HTTP: &HTTP{Method: "GET", Host: "web.shop", Path: path}}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.HTTP.Headers = append(r.HTTP.Headers, Header{name, value})
	}
	return r
}

func TestOrderOfActions(t *testing.T) {
	allow := policyYAML("allow", "ALLOW", `[{to: [{operation: {paths: ["/a*"]}}]}]`)
	deny := policyYAML("deny", "DENY", `[{to: [{operation: {paths: ["/admin"]}}]}]`)
	for _, c := range []struct {
		name, yaml, path string
		want             Verdict
		by               string
	}{
		{"no policy", "", "/x", Allowed, ""},
		{"allowed", allow, "/a", Allowed, "allow spec.rules[0]"},
		{"not allowed", allow, "/x", Denied, "allow spec"},
		{"denied though allowed", allow + deny, "/admin", Denied, "deny spec.rules[0]"},
		{"not denied", deny, "/x", Allowed, ""},
		{"an ALLOW policy without rules allows nothing", policyYAML("none", "ALLOW", "[]"), "/x", Denied, "none spec"},
		{"a DENY policy without rules denies nothing", policyYAML("none", "DENY", "[]"), "/x", Allowed, ""},
		{"an empty rule allows all", policyYAML("all", "ALLOW", "[{}]"), "/x", Allowed, "all spec.rules[0]"},
		{"an empty rule denies all", policyYAML("all", "DENY", "[{}]"), "/x", Denied, "all spec.rules[0]"},
		{"AUDIT decides nothing", policyYAML("audit", "AUDIT", "[{}]"), "/x", Allowed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := compile(t, c.yaml).Check(get(c.path))
			by := ""
			if d.By != nil {
				by = d.By.Object.Name + " " + d.By.Field
			}
			if d.Verdict != c.want || by != c.by {
				t.Errorf("%s by %q, want %s by %q: %s", d.Verdict, by, c.want, c.by, d.Reason)
			}
		})
	}
}

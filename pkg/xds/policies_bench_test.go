package xds

import (
	"fmt"
	"testing"

	security "istio.io/api/security/v1beta1"
	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const benchKeys = `{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

// allowance is a policy of the whole mesh, or of the workloads of an app.
func allowance(i int, app, path string) *config.Object {
	spec := &security.AuthorizationPolicy{Rules: []*security.Rule{{
		From: []*security.Rule_From{{Source: &security.Source{Principals: []string{fmt.Sprintf("cluster.local/ns/ns%d/sa/*", i)}}}},
		To:   []*security.Rule_To{{Operation: &security.Operation{Paths: []string{path}, Methods: []string{"GET", "POST"}}}},
	}}}
	if app != "" {
		spec.Selector = &typev1beta1.WorkloadSelector{MatchLabels: map[string]string{"app": app}}
	}
	return object(config.AuthzPolicy, "istio-system", fmt.Sprintf("allow-%d", i), spec)
}

// BenchmarkPolicyChange is the change of one policy where 200 proxies are connected and 50 policies and 5 issuers hold for all: of one
// workload's policy, and of one that holds for all.
func BenchmarkPolicyChange(b *testing.B) {
	for name, app := range map[string]string{"one": "svc7", "all": ""} {
		b.Run(name, func(b *testing.B) {
			s := large(1000)
			var list []*config.Object
			for i := range 50 {
				list = append(list, allowance(i, "", "/a"))
			}
			spec := &security.RequestAuthentication{}
			for i := range 5 {
				spec.JwtRules = append(spec.JwtRules, &security.JWTRule{Issuer: fmt.Sprint(i), Jwks: benchKeys})
			}
			s, _ = s.Apply(config.Batch{Upserts: append(list, object(config.RequestAuthn, "istio-system", "keys", spec))})
			c := NewCatalog(s)
			for i := range 200 {
				c.Join(sidecarOf(i))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				var change mesh.Change
				s, change = s.Apply(config.Batch{Upserts: []*config.Object{allowance(99, app, fmt.Sprintf("/%d", i))}})
				if n := len(c.Advance(s, change)); app != "" && n != 1 || app == "" && n != 200 {
					b.Fatalf("%d proxies are woken", n)
				}
			}
		})
	}
}

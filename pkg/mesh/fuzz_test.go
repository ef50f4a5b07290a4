package mesh

import (
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

// FuzzBuild resolves whatever can be decoded: bad objects are reported, and nothing panics.
func FuzzBuild(f *testing.F) {
	f.Add(webService + virtualService("root", "prod", rootService) + virtualService("d", "team", leafService))
	f.Add(sidecarObject("s", "test", `{egress: [{hosts: ["*/*"]}]}`) + destinationRule("own", "test", "{host: web, subsets: [{name: a}, {name: a}]}"))
	f.Add(services("web.prod") + virtualService("v", "prod", `{hosts: ["", "*", "*.*", .], gateways: [/, .., mesh, a/b/c], http: [{}, {match: [{}], route: [{}]}], tls: [{}], tcp: [{match: [{}]}]}`))
	f.Add("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {servers: [{}, {port: {number: 70000}, hosts: [/]}, {port: {number: 1}, hosts: ['*']}]}")
	f.Add("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: g}\nspec: {hosts: ['*.', '.', A], ports: [{number: 1}], endpoints: [{}], workloadSelector: {}, resolution: STATIC}")
	f.Add("apiVersion: v1\nkind: Service\nmetadata: {name: g}\nspec: {ports: [{port: -1}, {port: 1, targetPort: x}], selector: {a: b}, type: ExternalName}")
	f.Add(meshYAML("{defaultConfig: {}, outboundTrafficPolicy: {}, trustDomain: x}"))
	f.Fuzz(func(t *testing.T, text string) {
		objects, _ := config.Decode("fuzz.yaml", strings.NewReader(text))
		s := Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), Options{})
		for _, p := range proxies() {
			scope := scopeOf(s, p)
			for _, svc := range scope.Services {
				for _, port := range svc.Ports {
					s.Endpoints(svc.Service, port)
				}
			}
			s.Workload(p)
			s.Listens(p)
		}
		s.Problems()
		s.NotEnforced()
	})
}

package xds

import (
	"slices"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// Envoy refuses a second virtual host for "*".
func TestOneVirtualHostForAllOthers(t *testing.T) {
	settings := mesh.Build(config.Set{}, mesh.Options{}).Config()
	for _, c := range []struct {
		domains []string
		hosts   int
	}{{[]string{"*"}, 1}, {[]string{"a.example"}, 2}} {
		set := newRouteSet(translate.RouteConfigInput{Name: "http.8080"}, translate.CatchAllInput{Gateway: true}, false)
		set.put(newMemo(), "first", &translate.VirtualHostInput{Config: settings, Name: "first", Domains: c.domains})
		var routes routev3.RouteConfiguration
		if err := set.settle(newMemo()).Any.UnmarshalTo(&routes); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, h := range routes.GetVirtualHosts() {
			all = append(all, h.GetDomains()...)
		}
		if len(routes.GetVirtualHosts()) != c.hosts || !slices.Contains(all, "*") {
			t.Errorf("virtual hosts for %v: domains %v", c.domains, all)
		}
	}
}

package mesh

import (
	"testing"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

const (
	rootService = `{hosts: [web], http: [{name: r, match: [{uri: {prefix: /shop}}], timeout: 5s, delegate: {name: d, namespace: team}}, {name: rest, route: [{destination: {host: web}}]}]}`
	leafService = `{http: [
  {name: a, match: [{uri: {prefix: /shop/cart}, method: {exact: GET}}], route: [{destination: {host: cart}}]},
  {name: b, match: [{uri: {prefix: /other}}], route: [{destination: {host: cart}}]},
  {name: c, timeout: 1s, route: [{destination: {host: web.prod.svc.cluster.local}}]}]}`
)

// unused is what is said of the route b of leafService.
const unused = "test.yaml:16:95: VirtualService/prod/root: spec.http[0].delegate: spec.http[1] of the VirtualService team/d has no match that is a subset of " +
	"one of this route's; it is left out (fix: correct the delegate)"

func delegateRoutes(s *Snapshot) []*networking.HTTPRoute {
	return scopeOf(s, sidecarIn("prod")).Service("web.prod.svc.cluster.local").Virtual[0].Spec.Http
}

func TestDelegates(t *testing.T) {
	s := build(t, services("web.prod", "cart.team")+virtualService("root", "prod", rootService)+virtualService("d", "team", leafService))
	equal(t, "problems", messages(s), []string{unused})
	routes := delegateRoutes(s)
	var names []string
	for _, r := range routes {
		names = append(names, r.Name)
	}
	equal(t, "routes: a contradicting match takes no effect", names, []string{"r-a", "r-c", "rest"})
	a, c := routes[0], routes[1]
	if a.Match[0].Uri.GetPrefix() != "/shop/cart" || a.Match[0].Method.GetExact() != "GET" || a.Timeout.Seconds != 5 {
		t.Errorf("a: %v", a)
	}
	if a.Route[0].Destination.Host != "cart.team.svc.cluster.local" {
		t.Errorf("short names are of the delegate's namespace: %v", a.Route[0].Destination)
	}
	if c.Match[0].Uri.GetPrefix() != "/shop" || c.Timeout.Seconds != 1 {
		t.Errorf("c: %v", c)
	}
}

func TestDelegateChanges(t *testing.T) {
	s := build(t, services("web.prod", "cart.team")+virtualService("root", "prod", rootService))
	if n := len(delegateRoutes(s)); n != 1 {
		t.Errorf("without its delegate the root has %d routes", n)
	}
	equal(t, "problems", messages(s), []string{"test.yaml:16:95: VirtualService/prod/root: spec.http[0].delegate: there is no VirtualService team/d; " +
		"the route is left out (fix: correct the delegate, or remove the route)"})
	s, c := s.Apply(config.Batch{Upserts: decode(t, virtualService("d", "team", leafService))})
	if n := len(delegateRoutes(s)); n != 3 || c.Hosts["web.prod.svc.cluster.local"]&Routes == 0 {
		t.Errorf("%d routes, change %+v", n, c)
	}
	equal(t, "problems", messages(s), []string{unused})
}

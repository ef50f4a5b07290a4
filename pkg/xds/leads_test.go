package xds

import (
	"testing"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// Destinations come and go under ever new names, as those of a canary's releases: what nobody leads to any more is forgotten.
func TestForgottenDestinations(t *testing.T) {
	v := &scopeView{leads: map[string]map[string]bool{}}
	from := &hostEntries{host: "web.example", virtual: []*mesh.VirtualService{virtualTo("release-1.example")}}
	v.lead(from, true)
	if len(v.leads) != 1 {
		t.Fatalf("leads to %v", v.leads)
	}
	if v.lead(from, false); len(v.leads) != 0 {
		t.Errorf("still leads to %v", v.leads)
	}
}

func virtualTo(host string) *mesh.VirtualService {
	return &mesh.VirtualService{Spec: &networking.VirtualService{Http: []*networking.HTTPRoute{{
		Route: []*networking.HTTPRouteDestination{{Destination: &networking.Destination{Host: host}}},
	}}}}
}

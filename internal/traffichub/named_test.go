package traffichub

import (
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

func TestObjectsAreNamedAsWritten(t *testing.T) {
	route := config.Key{Kind: config.HTTPRoute, Namespace: "shop", Name: "web"}
	for want, key := range map[string]config.Key{
		"HTTPRoute shop/web":          route.Derive(config.VirtualService, "mesh"),
		"VirtualService shop/web":     {Kind: config.VirtualService, Namespace: "shop", Name: "web"},
		"GatewayClass istio":          {Kind: config.GatewayClass, Name: "istio"},
		"PeerAuthentication shop/all": {Kind: config.PeerAuthn, Namespace: "shop", Name: "all"},
	} {
		if got := named(key); got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
}

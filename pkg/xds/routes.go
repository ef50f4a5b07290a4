package xds

import (
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// serviceRoutes returns the virtual hosts of a service by route and name; none at gateways, whose routes are their servers'.
func (b *builder) serviceRoutes(s *mesh.ScopedService) map[string]translate.Routed {
	if b.scope.Key.Type == mesh.Router {
		return nil
	}
	return byRoute(translate.ServiceRoutes(translate.ServiceRoutesInput{
		Config: b.scope.Config, Proxy: b.scope.Key.Type, Mode: b.scope.Key.Mode, Namespace: b.scope.Key.Namespace,
		Service: s, Egress: b.scope.Egress, Lookup: b.scope.Service,
	}))
}

// hostRoutes returns the virtual hosts of a host that only VirtualServices know.
func (b *builder) hostRoutes(h *mesh.ScopedHost) map[string]translate.Routed {
	if b.scope.Key.Type == mesh.Router {
		return nil
	}
	return byRoute(translate.HostRoutes(translate.HostRoutesInput{
		Config: b.scope.Config, Mode: b.scope.Key.Mode, Host: h, Lookup: b.scope.Service,
	}))
}

func byRoute(list []translate.Routed) map[string]translate.Routed {
	out := make(map[string]translate.Routed, len(list))
	for _, r := range list {
		out[r.Route+" "+r.Host.Name] = r
	}
	return out
}

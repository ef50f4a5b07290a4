package translate

import (
	"strings"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// outboundStatName is the name of a cluster's statistics under MeshConfig's outboundClusterStatName; "" keeps the cluster's own.
func outboundStatName(c *mesh.Config, s *mesh.Service, p mesh.Port, subset string) string {
	return statName(c.Mesh.GetOutboundClusterStatName(), s, p, "%SUBSET_NAME%", subset)
}

// inboundStatName is the same under inboundClusterStatName, of a port that a service leads to.
func inboundStatName(in InboundClusterInput) string {
	if in.Service == nil {
		return ""
	}
	for _, p := range in.Service.Ports {
		if p.Number == in.Port {
			return statName(in.Config.Mesh.GetInboundClusterStatName(), in.Service, p, "%TARGET_PORT%", number(in.Target))
		}
	}
	return ""
}

// statName puts what is known of a port of a service into a pattern.
func statName(pattern string, s *mesh.Service, p mesh.Port, more ...string) string {
	if !strings.Contains(pattern, "%") {
		return pattern
	}
	short := s.Host
	if s.Name != "" {
		short = s.Name
		if s.Namespace != "" {
			short += "." + s.Namespace
		}
	}
	name, _, _ := strings.Cut(short, ".")
	return strings.NewReplacer(append([]string{
		"%SERVICE%", short, "%SERVICE_NAME%", name, "%SERVICE_FQDN%", s.Host,
		"%SERVICE_PORT%", number(p.Number), "%SERVICE_PORT_NAME%", p.Name,
	}, more...)...).Replace(pattern)
}

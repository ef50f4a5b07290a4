package mesh

import (
	"google.golang.org/protobuf/proto"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// ownSettings are the parts of a proxy's annotation proxy.istio.io/config that shape listeners, routes and clusters; nil when it
// has none. The others are for its agent.
func ownSettings(p Proxy) *meshconfig.ProxyConfig {
	if p.Config == "" {
		return nil
	}
	given, _ := config.DecodeProxyConfigAnnotation(annotatedProxy(p, p.Config))
	own := &meshconfig.ProxyConfig{
		ProxyHeaders: given.GetProxyHeaders(), GatewayTopology: given.GetGatewayTopology(),
		ConnectionSettings: given.GetConnectionSettings(), Tracing: given.GetTracing(),
		EnvoyAccessLogService: given.GetEnvoyAccessLogService(),
	}
	if proto.Size(own) == 0 {
		return nil
	}
	return own
}

// configOf is the mesh's configuration with the defaultConfig that holds for a proxy.
func (t *tables) configOf(p Proxy) *Config {
	own := ownSettings(p)
	if own == nil {
		return t.config
	}
	out := *t.config
	out.Mesh = proto.CloneOf(out.Mesh)
	Override(out.Mesh.DefaultConfig, own)
	out.Digest = config.Digest{}
	out.Digest = digest.Of(out)
	return &out
}

// kept is the configuration of before where after is equal.
func kept(before, after *Config) *Config {
	if before.Digest == after.Digest {
		return before
	}
	return after
}

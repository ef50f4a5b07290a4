package xds

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// ownExtensions makes the configurations of the WasmPlugins and TrafficExtensions that hold for a proxy and, for one that has proven who
// it is, the credentials with which their images are pulled.
func (b *builder) ownExtensions(p mesh.Proxy, w *mesh.Workload, out *ownSet) {
	var done []*config.Object
	for _, list := range [...]mesh.Attached{w.WasmPlugins, w.TrafficExtensions, b.scope.WasmPlugins, b.scope.TrafficExtensions} {
		for _, o := range list {
			if slices.Contains(done, o) {
				continue
			}
			done = append(done, o)
			b.ownExtension(p, o, out)
		}
	}
}

func (b *builder) ownExtension(p mesh.Proxy, o *config.Object, out *ownSet) {
	e, _ := mesh.ExtensionOf(o)
	if e == nil {
		return
	}
	if p.Mode == mesh.Explicit && p.Type == mesh.Sidecar {
		out.problems = append(out.problems, translate.PortsAtProxy(o)...)
	}
	in := translate.ExtensionInput{Object: o}
	out.add(b.memo.get("extension", in, func() *entry {
		c := translate.ExtensionConfig(in)
		return &entry{resources: []*Resource{encode(c.GetName(), ExtensionType, c, o.Key)}}
	}), &out.extensions)
	secret := b.snapshot.Set().Get(translate.PullSecretKey(e))
	if secret == nil || !p.Trusted {
		return
	}
	credentials := translate.PullSecretInput{Name: translate.PullSecretName(e), Secret: secret}
	out.add(b.memo.get("pull secret", credentials, func() *entry {
		s, problems := translate.PullSecret(credentials)
		made := &entry{problems: problems}
		if s != nil {
			made.resources = []*Resource{encode(credentials.Name, SecretType, s, secret.Key)}
		}
		return made
	}), &out.secrets)
}

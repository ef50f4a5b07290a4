package xds

import (
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// ownGateway makes the listeners, routes and credentials of a gateway's proxy.
func (b *builder) ownGateway(p mesh.Proxy, out *ownSet) {
	w := b.snapshot.Workload(p)
	b.ownExtensions(p, w, out)
	in := translate.GatewayInput{
		Config: b.scope.Config, Mode: p.Mode, Bindings: p.Bindings, Ports: translate.ServicePorts(w), Policies: b.policies(p, w, out),
		Servers: b.scope.Servers, Services: b.scope.Services, Lookup: b.scope.Service,
	}
	inputs, problems := translate.GatewayListeners(in)
	out.problems = append(out.problems, problems...)
	for _, l := range inputs {
		e := b.memo.get("gateway listener", l, func() *entry {
			return &entry{resources: []*Resource{encode(l.Name, ListenerType, translate.GatewayListener(l), l.From...)}}
		})
		out.add(b.patchedListener(e, func(name string) envoyfilter.Place { return envoyfilter.GatewayPlace(name, in.Ports) }), &out.listeners)
	}
	out.add(b.addedListeners(out.listeners), &out.listeners)
	for _, r := range translate.GatewayRoutes(in) {
		set := newRouteSet(r.Config, translate.CatchAllInput{Gateway: true}, false)
		set.program, set.place = b.program, envoyfilter.RoutePlace(envoyfilter.Gateway, r.Config.Name, in.Ports)
		for _, h := range r.Hosts {
			set.put(b.memo, h.Name, &h)
		}
		out.routes = append(out.routes, set.settle(b.memo))
		for _, h := range set.hosts {
			out.parts = append(out.parts, h.entry)
			out.problems = append(out.problems, h.entry.problems...)
		}
		if set.patched != nil {
			out.parts, out.problems = append(out.parts, set.patched), append(out.problems, set.patched.problems...)
		}
	}
	if p.Trusted { // on a port that asks for no certificate, nobody is told a key
		b.credentials(p, out)
	}
}

// credentials makes the secrets that a gateway's servers, and the rules of the services that the proxy leads to, name. At sidecars only
// rules with a workloadSelector count, as Istio documents of credentialName.
func (b *builder) credentials(p mesh.Proxy, out *ownSet) {
	done := map[string]bool{}
	add := func(in translate.SecretInput) {
		if in.Secret == nil || done[in.Name] {
			return
		}
		done[in.Name] = true
		out.add(b.memo.get("secret", in, func() *entry {
			s, problems := translate.Secret(in)
			e := &entry{problems: problems}
			if s != nil {
				e.resources = []*Resource{encode(s.Name, SecretType, s, in.Secret.Key)}
			}
			return e
		}), &out.secrets)
	}
	for _, s := range b.scope.Servers {
		for _, c := range s.Credentials {
			add(translate.SecretInput{Name: c.Name, Secret: c.Object})
		}
		if translate.NeedsAuthorities(s.Server) {
			add(translate.SecretInput{Name: s.Authorities.Name, Secret: s.Authorities.Object, CA: true})
		}
	}
	set := b.snapshot.Set()
	secret := func(name string) *config.Object {
		return set.Get(config.Key{Kind: config.Secret, Namespace: p.Namespace, Name: name})
	}
	for _, s := range b.scope.Services {
		own := p.Type == mesh.Router || s.Rule != nil && s.Rule.Spec.GetWorkloadSelector() != nil
		for _, name := range translate.RuleCredentials(s.Rule) {
			if key, ok := translate.AuthoritiesKey(name); ok { // no secret
				out.needsServices = true
				add(translate.SecretInput{Name: name + translate.CASuffix, Secret: set.Get(key), CA: true})
				continue
			}
			if !own {
				continue
			}
			out.needsServices = true
			add(translate.SecretInput{Name: name, Secret: secret(name)})
			authorities := secret(name + translate.CASuffix)
			if authorities == nil {
				authorities = secret(name)
			}
			add(translate.SecretInput{Name: name + translate.CASuffix, Secret: authorities, CA: true})
		}
	}
}

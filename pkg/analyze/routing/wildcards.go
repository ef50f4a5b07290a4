package routing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// wildcards looks for VirtualServices for wildcards that do not hold where they seem to. A sidecar follows one VirtualService for a host, that of the
// most specific name: what it does not say, the wildcard's does not add.
func wildcards() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "virtualservice-wildcards",
		Doc:   "VirtualServices for wildcards whose hosts more specific ones take",
		Codes: []codes.Code{codes.HostShadowed},
		Kinds: append(analyze.ServiceKinds(), config.VirtualService, config.ConfigMap),
		Run: func(p *analyze.Pass) {
			all := hostIndex.Of(p)
			for _, v := range written.Of(p) {
				if len(v.MeshHosts) == 0 || len(v.Spec.GetHttp()) == 0 || len(v.Spec.GetTls())+len(v.Spec.GetTcp()) > 0 {
					continue
				}
				for i, h := range v.Own.Hosts {
					if wildcard(h) && h != "*" {
						checkWildcard(p, v, at("spec.hosts", v.HostFields[i]), h, all.under(h))
					}
				}
			}
		},
	}
}

// hostEntry is a host with who declares it and who routes it on sidecars.
type hostEntry struct {
	reversed, host string
	services       []*mesh.Service
	virtuals       []*mesh.Virtual
}

// hostList is ordered by the hosts read backwards, so that those under a wildcard stand together.
type hostList []*hostEntry

var hostIndex = analyze.NewFact(func(p *analyze.Pass) hostList {
	p.Reads(config.VirtualService)
	found := map[string]*hostEntry{}
	get := func(host string) *hostEntry {
		if found[host] == nil {
			found[host] = &hostEntry{reversed: backwards(host), host: host}
		}
		return found[host]
	}
	for _, s := range p.Services() {
		get(s.Host).services = append(get(s.Host).services, s)
	}
	for _, v := range p.Mesh().Virtuals() {
		for _, h := range v.MeshHosts {
			get(h).virtuals = append(get(h).virtuals, v)
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *hostEntry) int { return strings.Compare(a.reversed, b.reversed) })
})

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// under lists what is under a wildcard, without itself.
func (l hostList) under(pattern string) []*hostEntry {
	prefix := backwards(pattern[1:])
	from, _ := slices.BinarySearchFunc(l, prefix, func(e *hostEntry, p string) int { return strings.Compare(e.reversed, p) })
	var out []*hostEntry
	for _, e := range l[from:] {
		if !strings.HasPrefix(e.reversed, prefix) {
			break
		}
		if e.host != pattern {
			out = append(out, e)
		}
	}
	return out
}

func checkWildcard(p *analyze.Pass, v *mesh.Virtual, field, pattern string, under []*hostEntry) {
	served, left := 0, 0 // hosts of services under the wildcard; those for which the VirtualService holds
	var takers []*mesh.Virtual
	for _, e := range under {
		concerns := slices.ContainsFunc(e.services, func(s *mesh.Service) bool { return s.Visibility.Meet(v.Visibility) })
		if concerns {
			served++
		}
		taken := false
		for _, o := range e.virtuals {
			if len(o.Spec.GetHttp()) == 0 || o.Object == v.Object || !o.Visibility.Meet(v.Visibility) {
				continue
			}
			taken = taken || o.Visibility.Covers(v.Visibility)
			if !slices.Contains(takers, o) {
				takers = append(takers, o)
			}
		}
		if concerns && !taken {
			left++
		}
	}
	if served > 0 && left == 0 {
		p.Report(analyze.Finding{
			Code: codes.HostShadowed, Object: v.Object, Field: field,
			Message: fmt.Sprintf("the VirtualService never holds for %s on sidecars: every service under it has a VirtualService for a more specific host (%s)", pattern, someNames(takers)),
			Fix:     "remove the host, or move the rules into the more specific VirtualServices",
			Related: related(takers[0].Object, "spec.hosts", "holds instead"),
		})
		return
	}
	if takers = slices.DeleteFunc(takers, func(o *mesh.Virtual) bool { return !surprises(v, o) }); len(takers) > 0 {
		p.Report(analyze.Finding{
			Code: codes.HostShadowed, Object: v.Object, Field: field,
			Message: fmt.Sprintf("nothing of the VirtualService holds for the more specific hosts of %s on sidecars, not even for requests that match none of the rules there", someNames(takers)),
			Fix:     "repeat the rules there that are to hold for those hosts too",
			Related: related(takers[0].Object, "spec.hosts", "holds instead"),
		})
	}
}

// surprises reports whether it is not plain that a more specific VirtualService replaces the wildcard's: someone else wrote it, or it leaves requests
// without a rule, which then get 404.
func surprises(v, specific *mesh.Virtual) bool {
	if specific.Object.Key.Derived() {
		return false
	}
	if specific.Object.Key.Namespace != v.Object.Key.Namespace {
		return true
	}
	for _, c := range compile(specific, specific.Spec.GetHttp(), specific.Rule) {
		for _, m := range c.matches {
			if m.all() && m.port == 0 && len(m.labels) == 0 && m.namespace == "" && slices.Contains(m.gateways, mesh.Mesh) {
				return false
			}
		}
	}
	return true
}

func someNames(list []*mesh.Virtual) string {
	var out []string
	for _, v := range list {
		if len(out) == 3 {
			return strings.Join(out, ", ") + fmt.Sprintf(" and %d more", len(list)-3)
		}
		out = append(out, name(v.Object))
	}
	return strings.Join(out, ", ")
}

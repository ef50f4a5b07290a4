package taphub

import (
	"maps"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/tap"
)

const routerType = agentapi.ProxyType_ROUTER

// plan decides at which proxies a viewer looks, and which of the requests that these report it is shown. It is immutable.
type plan struct {
	tap.Request
	// callers: From names such as have proxies, which tell everything that they send.
	callers bool
	// hosts are the services that To may mean; nil when that cannot be said.
	hosts []string
}

func newPlan(r tap.Request, x *index) plan {
	p := plan{Request: r, callers: len(r.From) > 0}
	for _, ref := range r.From {
		p.callers = p.callers && x.has(func(one *party) bool { return one.proxied && ref.Means(one.Member, r.Namespace) })
	}
	for _, ref := range r.To {
		found := x.meant(ref, r.Namespace)
		if len(found) == 0 {
			p.hosts = nil
			break
		}
		p.hosts = append(p.hosts, found...)
	}
	return p
}

func (x *index) has(such func(*party) bool) bool {
	for _, p := range x.byInstance {
		if such(p) {
			return true
		}
	}
	return false
}

// meant are the services that a user named, or whose endpoints.
func (x *index) meant(ref tap.Ref, namespace string) []string {
	var out []string
	for host := range x.hosts {
		if ref.Means(tap.Member{Services: []string{host}}, namespace) {
			out = append(out, host)
		}
	}
	for _, p := range x.byInstance {
		if ref.Means(p.Member, namespace) {
			out = append(out, p.Services...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// looksAt reports whether the plan includes somebody's proxy.
func (p plan) looksAt(m tap.Member) bool {
	switch {
	case len(p.Targets) > 0:
		return p.means(p.Targets, m)
	case p.callers:
		return p.means(p.From, m)
	}
	return p.Namespace == "" || p.Namespace == m.Namespace || len(p.To) > 0
}

func (p plan) means(refs []tap.Ref, m tap.Member) bool {
	return slices.ContainsFunc(refs, func(r tap.Ref) bool { return r.Means(m, p.Namespace) })
}

// filter is what the agent of a proxy is told, so that as little as possible leaves its side: of a sidecar that is one end only, one side
// counts, and of what callers send, what goes to the other end.
func (p plan) filter(s registry.Session, m tap.Member) tap.Filter {
	f := p.Filter
	f.Hosts = p.hosts
	if f.Side == "" && len(p.Targets) == 0 && !isGateway(s) && (p.callers || len(p.To) > 0 && !p.means(p.To, m)) {
		f.Side = tap.Client
	}
	return f
}

// shows reports whether the viewer is shown a request between two parties.
func (p plan) shows(e *tap.Event, source, destination tap.Member) bool {
	if !p.Filter.Match(e) ||
		len(p.From) > 0 && !p.means(p.From, source) ||
		len(p.To) > 0 && !p.means(p.To, destination) {
		return false
	}
	// One row a request: the caller's proxy has told of it.
	twice := e.Side == tap.Server && p.Filter.Side == "" && len(p.Targets) == 0 && e.Source.Identity != "" && p.looksAt(source)
	return !twice
}

// knows reports whether From and To name somebody, with or without a proxy.
func (x *index) knows(r tap.Request) bool {
	for _, ref := range slices.Concat(r.From, r.To) {
		if len(x.meant(ref, r.Namespace)) == 0 && !x.has(func(p *party) bool { return ref.Means(p.Member, r.Namespace) }) {
			return false
		}
	}
	return true
}

// nothing says why a request concerns no proxy.
func nothing(r tap.Request, x *index) string {
	var names []string
	for _, list := range [][]tap.Ref{r.Targets, r.From, r.To} {
		for _, ref := range list {
			names = append(names, ref.String())
		}
	}
	known := map[string]bool{}
	for _, p := range x.byInstance {
		if p.proxied && (r.Namespace == "" || r.Namespace == p.Namespace) {
			known["workload/"+p.Workload+"."+p.Namespace] = true
		}
	}
	in := ""
	if r.Namespace != "" {
		in = " in namespace " + r.Namespace
	}
	if len(known) == 0 {
		return "no proxy is connected" + in + ": see `meshctl proxy-status`"
	}
	list := slices.Sorted(maps.Keys(known))
	if most := 8; len(list) > most {
		list = append(list[:most], "...")
	}
	return "nobody with a connected proxy" + in + " is called " + strings.Join(names, " or ") + "; there are " + strings.Join(list, ", ")
}

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
	// byTo: nothing but To is named, and it has proxies, so that these tell everything.
	byTo bool
}

func newPlan(r tap.Request, x *index) plan {
	p := plan{Request: r}
	if len(r.Targets) == 0 && len(r.From) == 0 && len(r.To) > 0 {
		p.byTo = true
		for _, ref := range r.To {
			p.byTo = p.byTo && x.serves(ref, r.Namespace)
		}
	}
	return p
}

// serves reports whether what a user named has a proxy.
func (x *index) serves(ref tap.Ref, namespace string) bool {
	for _, p := range x.byInstance {
		if p.proxied && ref.Means(p.Member, namespace) {
			return true
		}
	}
	return false
}

// looksAt reports whether the plan includes somebody's proxy.
func (p plan) looksAt(m tap.Member) bool {
	switch {
	case len(p.Targets) > 0:
		return p.means(p.Targets, m)
	case len(p.From) > 0:
		return p.means(p.From, m)
	case p.byTo:
		return p.means(p.To, m)
	}
	return p.Namespace == "" || p.Namespace == m.Namespace || len(p.To) > 0
}

func (p plan) means(refs []tap.Ref, m tap.Member) bool {
	return slices.ContainsFunc(refs, func(r tap.Ref) bool { return r.Means(m, p.Namespace) })
}

// filter is what the agent of a proxy is told. Of sidecars only one side counts when nothing but one end is named.
func (p plan) filter(s registry.Session) tap.Filter {
	f := p.Filter
	if f.Side == "" && len(p.Targets) == 0 && !isGateway(s) {
		switch {
		case p.byTo:
			f.Side = tap.Server
		case len(p.From) > 0:
			f.Side = tap.Client
		}
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
	twice := e.Side == tap.Server && p.Filter.Side == "" && len(p.Targets) == 0 && !p.byTo && e.Source.Identity != "" && p.looksAt(source)
	return !twice
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
	return "no connected proxy" + in + " is of " + strings.Join(names, ", ") + "; there are " + strings.Join(list, ", ")
}

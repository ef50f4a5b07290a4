package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// calls looks along the calls that the configuration declares.
func calls() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "call-paths",
		Doc:   "timeouts and retries that contradict each other, in one route or along declared calls",
		Codes: []codes.Code{codes.TimeoutInversion, codes.RetryAmplification},
		Kinds: callKinds(),
		Run: func(p *analyze.Pass) {
			tries := &amplifier{pass: p, graph: callGraph.Of(p), best: map[leg]*path{}}
			for _, v := range written.Of(p) {
				for i, r := range v.Own.GetHttp() {
					if len(r.GetRoute()) > 0 && !ownInversion(p, v, i, r) {
						calleeInversion(p, v, i, r)
					}
					tries.check(v, i, r)
				}
			}
		},
	}
}

// ownInversion reports a timeout that ends before the retries of the same rule can.
func ownInversion(p *analyze.Pass, v *mesh.Virtual, i int, r *networking.HTTPRoute) bool {
	timeout, each, attempts := r.GetTimeout().AsDuration(), r.GetRetries().GetPerTryTimeout().AsDuration(), r.GetRetries().GetAttempts()
	if timeout <= 0 || each <= 0 || attempts <= 0 || timeout >= time.Duration(attempts)*each {
		return false
	}
	fit := (timeout + each - 1) / each
	p.Report(analyze.Finding{
		Code: codes.TimeoutInversion, Object: v.Object, Field: at("spec.http", i) + ".timeout",
		Message: fmt.Sprintf("the route gives up after %s, but each of its tries may take %s: when tries time out, %d of the %d that are configured begin at most", timeout, each, fit, attempts+1),
		Fix:     fmt.Sprintf("set timeout to %s at least, or lower perTryTimeout or attempts", time.Duration(attempts+1)*each),
		Related: related(v.Object, at("spec.http", i)+".retries", "the retries"),
	})
	return true
}

// calleeInversion reports a timeout that is shorter than that of a call which the destination makes in turn.
func calleeInversion(p *analyze.Pass, v *mesh.Virtual, i int, r *networking.HTTPRoute) {
	timeout := r.GetTimeout().AsDuration()
	if timeout <= 0 {
		return
	}
	for _, d := range r.GetRoute() {
		if d.GetWeight() == 0 && len(r.GetRoute()) > 1 {
			continue
		}
		host := d.GetDestination().GetHost()
		for _, c := range callGraph.Of(p)[host] {
			by, least := c.patience()
			if by == nil || least <= timeout {
				continue
			}
			p.Report(analyze.Finding{
				Code: codes.TimeoutInversion, Object: v.Object, Field: at("spec.http", i) + ".timeout",
				Message: fmt.Sprintf("the route gives up after %s, but %s calls %s (%s declares it) and waits up to %s for it", timeout, host, c.host, c.by.Key, least),
				Fix:     fmt.Sprintf("make the timeout longer than %s, or that of %s shorter", least, c.host),
				Related: related(by.Object, "spec.http", "the timeout of the inner call"),
			})
			return
		}
	}
}

// patience is how long the caller waits at least before it gives up, whichever rule holds; nil where no rule limits it.
func (c call) patience() (by *mesh.VirtualService, least time.Duration) {
	v, rules := c.rules()
	for _, r := range rules {
		if len(r.GetRoute()) == 0 {
			return nil, 0
		}
		limit := r.GetTimeout().AsDuration()
		if limit <= 0 {
			limit = time.Duration(r.GetRetries().GetAttempts()+1) * r.GetRetries().GetPerTryTimeout().AsDuration()
		}
		if limit > 0 && (by == nil || limit < least) {
			by, least = v, limit
		}
	}
	return by, least
}

// amplificationLimit is how many tries at the end of a path one request may become: what three calls come to that are retried as they are by
// default. maxCalls bounds the paths behind a rule: that one request takes a longer one is a guess.
const (
	amplificationLimit = 27
	maxCalls           = 3
)

// amplifier multiplies the tries along calls.
type amplifier struct {
	pass  *analyze.Pass
	graph map[string][]call
	best  map[leg]*path
}

// leg is the rest of a path: where it begins, and how many calls it has at most.
type leg struct {
	host  string
	calls int
}

// path is a sequence of calls, with how often the last is tried for one request at its beginning.
type path struct {
	tries int
	calls []step
}

type step struct {
	host  string
	tries int
}

func (p *path) meets(host string) bool {
	return slices.ContainsFunc(p.calls, func(s step) bool { return s.host == host })
}

func (p *path) String() string {
	var out []string
	for _, s := range p.calls {
		out = append(out, fmt.Sprintf("%s (%d tries)", s.host, s.tries))
	}
	return strings.Join(out, ", ")
}

// from returns the worst path that begins at a service.
func (a *amplifier) from(begin leg) *path {
	if known, ok := a.best[begin]; ok {
		return known
	}
	worst := &path{tries: 1}
	a.best[begin] = worst
	if begin.calls == 0 {
		return worst
	}
	for _, c := range a.graph[begin.host] {
		rest := a.from(leg{c.host, begin.calls - 1})
		if rest.meets(begin.host) || rest.meets(c.host) { // a circle of declarations is no call that comes back
			rest = &path{tries: 1}
		}
		if tries := a.tries(c); tries*rest.tries > worst.tries {
			worst = &path{tries: tries * rest.tries, calls: append([]step{{c.host, tries}}, rest.calls...)}
		}
	}
	a.best[begin] = worst
	return worst
}

// tries is how often a call is tried at least, whichever rule holds. What is not known to be HTTP is not retried.
func (a *amplifier) tries(c call) int {
	for _, p := range c.reach.Service(c.host).Ports {
		if !p.Protocol.IsHTTP() {
			return 1
		}
	}
	_, rules := c.rules()
	if len(rules) == 0 {
		return a.attempts(nil) + 1
	}
	least := a.attempts(rules[0].GetRetries())
	for _, r := range rules {
		if len(r.GetRoute()) == 0 {
			return 1
		}
		least = min(least, a.attempts(r.GetRetries()))
	}
	return least + 1
}

// attempts are the retries of a rule: its own, those of the mesh, or Istio's two.
func (a *amplifier) attempts(r *networking.HTTPRetry) int {
	if r == nil {
		r = a.pass.Config().Mesh.GetDefaultHttpRetryPolicy()
	}
	if r == nil {
		return defaultAttempts
	}
	return max(0, int(r.GetAttempts()))
}

// defaultAttempts are Istio's retries, see its documentation of retries.
const defaultAttempts = 2

// check reports a rule that retries more often than is the default and makes a path too bad by it.
func (a *amplifier) check(v *mesh.Virtual, i int, r *networking.HTTPRoute) {
	own := int(r.GetRetries().GetAttempts())
	if own <= a.attempts(nil) {
		return
	}
	for _, d := range r.GetRoute() {
		host := d.GetDestination().GetHost()
		rest := a.from(leg{host, maxCalls})
		if len(rest.calls) == 0 || (own+1)*rest.tries <= amplificationLimit {
			continue
		}
		a.pass.Report(analyze.Finding{
			Code: codes.RetryAmplification, Object: v.Object, Field: at("spec.http", i) + ".retries.attempts",
			Message: fmt.Sprintf("one request may become %d at the end of its path: %s (%d tries), %s", (own+1)*rest.tries, host, own+1, rest),
			Fix:     "retry at one place of the path only, and set attempts: 0 at the others",
		})
		return
	}
}

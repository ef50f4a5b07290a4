package policies

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func httpOnTCP() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "authorizationpolicy-tcp",
		Doc:   "rules about HTTP requests that hold for ports that do not speak HTTP",
		Codes: []codes.Code{codes.HTTPPolicyOnTCP},
		Kinds: withInbound(config.AuthzPolicy),
		Run: func(p *analyze.Pass) {
			byObject := map[*config.Object]*policy{}
			concerned := false
			for _, pol := range authorization.Of(p) {
				byObject[pol.object] = pol
				concerned = concerned || slices.ContainsFunc(pol.Rules, rules.Rule.NeedsHTTP)
			}
			if !concerned {
				return
			}
			told := map[string]bool{}
			for _, w := range analyze.AllWorkloads(p).All {
				if w.Gateway || made(w) || !member(p, w) {
					continue
				}
				in := p.Inbound(w)
				var holding []*policy
				for _, o := range in.AuthzPolicies {
					if pol := byObject[o]; pol != nil {
						holding = append(holding, pol)
					}
				}
				for _, port := range in.Ports {
					if len(holding) > 0 && port.Ingress == nil && streams(port.Protocol) {
						tcpPort{p, w, port, told}.judge(holding)
					}
				}
			}
		},
	}
}

// withInbound are the kinds that decide what holds for the inbound side of the workloads of the mesh.
func withInbound(more ...config.Kind) []config.Kind {
	out := workloadKinds(append(more, analyze.InboundKinds()...)...)
	slices.SortFunc(out, func(a, b config.Kind) int { return config.Key{Kind: a}.Compare(config.Key{Kind: b}) })
	return slices.Compact(out)
}

// streams reports whether a port is declared to carry connections that are no HTTP requests to the proxy.
func streams(p mesh.Protocol) bool { return p == mesh.TCP || p == mesh.TLS || p == mesh.HTTPS }

// tcpPort is a port of a workload that does not speak HTTP.
type tcpPort struct {
	*analyze.Pass
	workload *analyze.Workload
	port     mesh.WorkloadPort
	told     map[string]bool // by rule
}

func (t tcpPort) judge(holding []*policy) {
	open := slices.ContainsFunc(holding, func(pol *policy) bool {
		return pol.Action == rules.Allow && slices.ContainsFunc(pol.Rules, func(r rules.Rule) bool { return !r.NeedsHTTP() && t.concerns(r) != never })
	})
	for _, pol := range holding {
		for i, r := range pol.Rules {
			how := t.concerns(r)
			if !r.NeedsHTTP() || how == never {
				continue
			}
			name := fmt.Sprintf("port %d of %s, which speaks %s", t.port.Target, t.workload.Object.Key, t.port.Protocol)
			switch {
			case pol.Action == rules.Allow && how == byName:
				t.report(pol, i, "the rule asks for what only HTTP requests have, and names "+name+": it admits nobody there")
			case pol.Action == rules.Allow && !open:
				t.report(pol, i, "the rule asks for what only HTTP requests have and holds for "+name+" too, where nothing else admits anybody: all connections to it are refused")
			case pol.Action == rules.Deny && !r.Unscoped():
				t.report(pol, i, "the rule asks for what only HTTP requests have and holds for "+name+": there it denies every connection that its other criteria match")
			}
		}
	}
}

func (t tcpPort) report(pol *policy, i int, message string) {
	field := ruleField(i)
	if rule := pol.object.Key.String() + field; !t.told[rule] {
		t.told[rule] = true
		t.Report(analyze.Finding{
			Code: codes.HTTPPolicyOnTCP, Object: pol.object, Field: field, Message: message,
			Related: []analyze.Related{{Object: t.workload.Object.Key, Position: t.workload.Object.Position(), Message: "the workload"}},
		})
	}
}

// concern is how a rule concerns a port.
type concern int

const (
	never concern = iota
	byDefault
	byName
)

// concerns reports whether a rule may match connections to the port, by what it says of ports.
func (t tcpPort) concerns(r rules.Rule) concern {
	out := byDefault
	for _, c := range r.Conditions {
		out = min(out, t.meets(c), byDefault)
	}
	if len(r.Operations) == 0 || out == never {
		return out
	}
	most := never
	for _, o := range r.Operations {
		how, named := out, false
		for _, c := range o {
			met := t.meets(c)
			named = named || met == byName
			how = min(how, met)
		}
		if named && how != never {
			how = byName
		}
		most = max(most, how)
	}
	return most
}

func (t tcpPort) meets(c rules.Constraint) concern {
	if c.Attribute != rules.DestinationPort {
		return byDefault
	}
	number := strconv.FormatUint(uint64(t.port.Target), 10)
	switch {
	case slices.Contains(c.NotValues, number):
		return never
	case len(c.Values) == 0:
		return byDefault
	case slices.Contains(c.Values, number):
		return byName
	}
	return never
}

package authz

import (
	"cmp"
	"fmt"
	"slices"
)

// Check decides on a request in the order of the proxy's filters: the connection (PeerAuthentication), external authorizers (CUSTOM),
// tokens (RequestAuthentication), then DENY and ALLOW.
func (p *Policies) Check(r Request) *Decision {
	d, f := p.decide(r)
	if len(p.trial) == 0 {
		return d
	}
	enforced, _ := p.enforced().decide(r)
	d.Trial = &Trial{Verdict: enforced.Verdict}
	if f == nil {
		return d
	}
	for _, one := range p.trial {
		if o, ok := one.walk(f); ok && o.matches() {
			d.Trial.Matching = append(d.Trial.Matching, one.match(o))
		}
	}
	return d
}

// decide also returns the facts, if the request got as far as the policies.
func (p *Policies) decide(r Request) (*Decision, *facts) {
	d := &Decision{}
	if refused := p.transport(&r, d); refused {
		return d, nil
	}
	f, ok := newFacts(p.admit(&r, d), p)
	if !ok {
		return d.deny(statusBadRequest, "the proxy refuses the path", nil), nil
	}
	asked := p.external(f, d)
	if d.Verdict == Denied {
		return d, nil
	}
	if failed, reason := p.authenticate(f); failed != nil {
		return d.deny(failed.status, reason, &Match{Object: failed.key, Field: failed.field}), nil
	}
	for _, one := range p.audit {
		if o, ok := one.walk(f); ok && o.matches() {
			d.Audited = append(d.Audited, one.match(o))
		}
	}
	p.native(f, d)
	if asked != nil && d.Verdict == Allowed {
		d.Verdict, d.By = Depends, asked
		d.Reason = fmt.Sprintf("the external authorizer %q is asked, and nothing else denies", d.Provider)
	}
	slices.SortStableFunc(d.Near, func(a, b Match) int { return cmp.Compare(len(a.Unmet), len(b.Unmet)) })
	return d, f
}

// native decides by DENY and ALLOW.
func (p *Policies) native(f *facts, d *Decision) {
	denied := p.matching(f, p.deny, d)
	allowed := p.matching(f, p.allow, d)
	granted := len(allowed) > 0 || len(p.allow) == 0
	switch {
	case len(denied) > 0:
		d.deny(f.refusal(), "a rule denies it", &denied[0])
		if len(denied) == 1 && granted {
			d.turn(Allowed, denied[0], denied[0].Met, true)
		}
	case !granted:
		d.deny(f.refusal(), "no rule of an ALLOW policy allows it", &Match{Object: p.allow[0].key, Action: p.allow[0].action.String(), Field: "spec"})
	case len(p.allow) == 0:
		d.Verdict, d.Reason = Allowed, "no ALLOW policy holds for the workload, and nothing denies it"
	default:
		d.Verdict, d.Reason, d.By = Allowed, "a rule allows it", &allowed[0]
		if unknown := absent(allowed[0].Met); len(allowed) == 1 && len(unknown) > 0 {
			d.turn(Denied, allowed[0], unknown, true)
		}
	}
	if !granted {
		d.nearest(len(denied) == 0)
	}
	if d.Verdict == Allowed {
		d.denials()
	}
}

// matching returns the policies that match and notes the others as near.
func (p *Policies) matching(f *facts, policies []*policy, d *Decision) (out []Match) {
	for _, one := range policies {
		o, ok := one.walk(f)
		switch {
		case !ok:
		case o.matches():
			out = append(out, one.match(o))
		default:
			d.Near = append(d.Near, one.match(o))
		}
	}
	return out
}

func (p *policy) match(o outcome) Match {
	return Match{Object: p.key, Action: p.action.String(), Field: o.rule.field, Met: o.met, Unmet: o.unmet}
}

// nearest finds the rule that comes closest to allowing; turns says that it would change the verdict.
func (d *Decision) nearest(turns bool) {
	for i := range d.Near {
		if m := &d.Near[i]; m.Action == "ALLOW" && (d.Nearest == nil || len(m.Unmet) < len(d.Nearest.Unmet)) {
			d.Nearest = m
		}
	}
	if d.Nearest == nil {
		return
	}
	near := *d.Nearest
	d.Nearest = &near
	if turns {
		d.turn(Allowed, near, near.Unmet, false)
	}
}

// denials are the rules that would deny with one fact more, or with facts that the request does not state.
func (d *Decision) denials() {
	for _, m := range d.Near {
		if m.Action == "DENY" && (len(m.Unmet) == 1 || len(absent(m.Unmet)) == len(m.Unmet)) {
			d.turn(Denied, m, m.Unmet, false)
		}
	}
}

func (d *Decision) turn(v Verdict, m Match, conditions []Condition, breaks bool) {
	if len(conditions) > 0 {
		d.Turns = append(d.Turns, Turn{Verdict: v, Match: m, Conditions: conditions, Breaks: breaks})
	}
}

func absent(conditions []Condition) (out []Condition) {
	for _, c := range conditions {
		if c.Absent {
			out = append(out, c)
		}
	}
	return out
}

// Statuses of the proxy's own answers.
const (
	statusBadRequest      = 400
	statusUnauthenticated = 401
	statusForbidden       = 403
)

// refusal is the status with which RBAC answers; a connection that is no HTTP is closed.
func (f *facts) refusal() int {
	if f.HTTP == nil {
		return 0
	}
	return statusForbidden
}

func (d *Decision) deny(status int, reason string, by *Match) *Decision {
	d.Verdict, d.Status, d.Reason, d.By = Denied, status, reason, by
	return d
}

// external walks over the CUSTOM policies, which are asked before tokens are verified. It returns the one that matches.
func (p *Policies) external(f *facts, d *Decision) *Match {
	var asked *Match
	for _, m := range p.custom {
		o, ok := m.walk(f)
		asks := p.providers[m.provider]
		switch {
		case !ok || f.HTTP == nil && asks.http && asks.fault == "":
		case !o.matches():
			d.Near = append(d.Near, m.match(o))
		case asks.fault != "":
			by := m.match(o)
			d.deny(f.refusal(), asks.fault, &by)
			return nil
		case asked == nil:
			by := m.match(o)
			asked, d.Provider = &by, m.provider
		}
	}
	return asked
}

// admit is the request as it gets through the handshake.
func (p *Policies) admit(r *Request, d *Decision) *Request {
	if r.Peer == "" || !p.plaintextOnly(r.Port) {
		return r
	}
	if d != nil {
		d.Notes = append(d.Notes, "the workload takes plaintext only (PeerAuthentication DISABLE): no caller has an identity")
	}
	plain := *r
	plain.Peer, plain.SNI = "", ""
	return &plain
}

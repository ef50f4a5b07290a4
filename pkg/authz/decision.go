package authz

import (
	"github.com/meshctl/meshctl/pkg/config"
)

// Verdict is what becomes of a request.
type Verdict string

const (
	// Allowed requests reach the workload.
	Allowed Verdict = "ALLOWED"
	// Denied requests are answered by the proxy, connections are closed.
	Denied Verdict = "DENIED"
	// Depends means that an external authorizer is asked, and nothing else denies.
	Depends Verdict = "DEPENDS"
)

// Decision is the verdict with its reasons.
type Decision struct {
	Verdict Verdict
	// Status of the proxy's answer to a denied request; 0 when the connection is closed without one.
	Status int
	// Reason is one sentence.
	Reason string
	// By is what decided; nil when no object did.
	By *Match
	// Provider is the external authorizer that is asked.
	Provider string
	// Nearest is the rule that comes closest to allowing a request that nothing allows.
	Nearest *Match
	// Near are the policies that did not match, each with its closest rule, the closest first.
	Near []Match
	// Turns are what would change the verdict.
	Turns []Turn
	// Audited are the AUDIT policies that match.
	Audited []Match
	// Trial is what policies on trial (istio.io/dry-run) would do; nil when there are none.
	Trial *Trial
	// Notes are what else is worth knowing of how the verdict came about.
	Notes []string
}

// Match is how a rule of a policy, or another object, relates to the request.
type Match struct {
	Object config.Key
	// Action of an AuthorizationPolicy: ALLOW, DENY, AUDIT or CUSTOM.
	Action string
	// Field of the rule in the object, e.g. "spec.rules[0]"; "spec" when it is the policy as a whole.
	Field string
	// Met and Unmet are what the rule asks for.
	Met, Unmet []Condition
}

// Turn is a change of facts that changes the verdict.
type Turn struct {
	Verdict Verdict
	// Match is the rule that would match then, or no longer.
	Match Match
	// Conditions must all become true, with Breaks any one of them false.
	Conditions []Condition
	Breaks     bool
}

// Trial is what would be if policies on trial were in force.
type Trial struct {
	// Verdict with all of them in force.
	Verdict Verdict
	// Matching are those that match the request.
	Matching []Match
}

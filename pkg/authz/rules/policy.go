// Package rules reads AuthorizationPolicies: what every rule asks of a request, and which parts of it cannot be asked. Envoy's
// configuration and the evaluator are both made from what it returns. See
// https://istio.io/latest/docs/reference/config/security/authorization-policy/.
//
// A part that Istio refuses never opens a door: its constraint is Invalid, which no request satisfies where that would allow it, and
// every request satisfies where that denies it (see Policy.Widens).
package rules

import (
	"fmt"
	"strconv"
	"strings"

	security "istio.io/api/security/v1beta1"
)

// DryRunAnnotation makes a policy one whose effect is only counted.
const DryRunAnnotation = "istio.io/dry-run"

// Action is what becomes of a request that a rule matches.
type Action = security.AuthorizationPolicy_Action

// Actions by their short names.
const (
	Allow  = security.AuthorizationPolicy_ALLOW
	Deny   = security.AuthorizationPolicy_DENY
	Audit  = security.AuthorizationPolicy_AUDIT
	Custom = security.AuthorizationPolicy_CUSTOM
)

// Policy is an AuthorizationPolicy, read.
type Policy struct {
	Action Action
	// Provider of a CUSTOM policy; empty when it names none.
	Provider string
	DryRun   bool
	// Rules, by their index in the object. Without any nothing matches.
	Rules []Rule
}

// Rule matches what one of the sources asks by one of the operations when all conditions hold. No sources are all of them, and no
// operations likewise.
type Rule struct {
	Sources, Operations []Term
	Conditions          []Constraint
}

// Term is constraints that all hold.
type Term []Constraint

// Constraint holds when the attribute matches one of Values (any, where there are none) and none of NotValues.
type Constraint struct {
	Attribute Attribute
	// Key is the name of a Header, the path to a Claim, or for FilterMetadata the filter's name and its key.
	Key []string
	// Values and NotValues match exactly, by prefix ("abc*"), by suffix ("*abc") or by presence ("*"); of a Namespace every "*"
	// stands for any text; addresses, ports and ServiceAccounts ("NAMESPACE/NAME") have no wildcards; a Path may be a template.
	Values, NotValues []string
	// Invalid: it says something that nobody can ask of a request.
	Invalid bool
}

// Fault is something wrong with a policy.
type Fault struct {
	// Field is where, e.g. "spec.rules[0].from[1].source.ipBlocks[2]".
	Field, Message, Fix string
	// Warning: the policy is in force as it is written, but perhaps not as it is meant.
	Warning bool
}

// Widens reports whether a constraint that cannot be asked, or that TCP connections do not have, counts as fulfilled: so that DENY,
// CUSTOM and AUDIT concern more rather than less. For ALLOW it is the other way round.
func Widens(a Action) bool { return a != Allow }

// Parse reads the policy of a namespace.
func Parse(spec *security.AuthorizationPolicy, namespace string, annotations map[string]string) (Policy, []Fault) {
	r := &reader{action: spec.GetAction(), namespace: namespace}
	p := Policy{Action: spec.GetAction(), DryRun: r.dryRun(annotations)}
	if p.Action == Custom {
		p.Provider = spec.GetProvider().GetName()
	}
	for i, rule := range spec.GetRules() {
		p.Rules = append(p.Rules, r.rule(fmt.Sprintf("spec.rules[%d]", i), rule))
	}
	r.whole(spec)
	if r.refused && p.Action == Allow {
		p.Rules = nil
	}
	return p, r.faults
}

// reader collects faults.
type reader struct {
	action    Action
	namespace string
	faults    []Fault
	// refused: the object as a whole contradicts itself.
	refused bool
}

func (r *reader) fail(field, message, fix string) {
	r.faults = append(r.faults, Fault{Field: field, Message: message, Fix: fix})
}

func (r *reader) warn(field, message, fix string) {
	r.faults = append(r.faults, Fault{Field: field, Message: message, Fix: fix, Warning: true})
}

func (r *reader) dryRun(annotations map[string]string) bool {
	value, ok := annotations[DryRunAnnotation]
	if !ok {
		return false
	}
	on, err := strconv.ParseBool(value)
	field := "metadata.annotations[" + DryRunAnnotation + "]"
	switch {
	case err != nil:
		r.fail(field, strconv.Quote(value)+` is neither "true" nor "false"; the policy is enforced`, `write "true" for a dry run`)
	case on && r.action == Custom:
		r.warn(field, "Istio has no dry run of CUSTOM policies: the provider is not asked", "use ALLOW or DENY for a dry run")
	}
	return on
}

// whole looks at what concerns the object as a whole.
func (r *reader) whole(spec *security.AuthorizationPolicy) {
	refuse := func(field, message, fix string) {
		r.refused = true
		r.fail(field, message, fix)
	}
	if spec.GetSelector() != nil && (spec.GetTargetRef() != nil || len(spec.GetTargetRefs()) > 0) {
		refuse("spec.selector", "selector and targetRefs exclude each other"+r.consequence(), "keep one of them")
	}
	if spec.GetTargetRef() != nil && len(spec.GetTargetRefs()) > 0 {
		refuse("spec.targetRef", "targetRef and targetRefs exclude each other"+r.consequence(), "use targetRefs")
	}
	for k, v := range spec.GetSelector().GetMatchLabels() {
		if strings.Contains(k+v, "*") {
			refuse("spec.selector.matchLabels["+k+"]", "labels have no wildcards; no workload matches", "name the labels of the workloads")
		}
	}
	provider := spec.GetProvider().GetName()
	switch {
	case r.action == Custom && provider == "":
		r.fail("spec.provider", "a CUSTOM policy needs a provider: what it matches is denied", "name one of the MeshConfig's extensionProviders in spec.provider.name")
	case r.action != Custom && spec.GetProvider() != nil:
		refuse("spec.provider", "only a CUSTOM policy has a provider"+r.consequence(), "set spec.action to CUSTOM, or take spec.provider out")
	}
	if len(spec.GetRules()) == 0 && (r.action == Deny || r.action == Custom) {
		r.fail("spec.rules", "a "+r.action.String()+" policy without rules never matches", "write rules: [{}] for every request")
	}
}

// consequence says what becomes of an object that is refused.
func (r *reader) consequence() string {
	if r.action == Allow {
		return ": it allows nothing"
	}
	return ""
}

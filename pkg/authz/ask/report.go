package ask

import (
	"github.com/meshctl/meshctl/pkg/authz"
	"github.com/meshctl/meshctl/pkg/config"
)

// Report is the answer for one workload.
type Report struct {
	Workload string `json:"workload"` // "NAME.NAMESPACE"
	Account  string `json:"identity,omitempty"`
	Port     uint32 `json:"port,omitempty"`
	Protocol string `json:"protocol"` // "HTTP" or "TCP"
	Source   string `json:"source"`   // SPIFFE id, or "plaintext"
	Request  string `json:"request,omitempty"`

	Verdict  authz.Verdict `json:"verdict"`
	Status   int           `json:"status,omitempty"` // of the proxy's answer to a denied request
	Reason   string        `json:"reason"`
	By       *Finding      `json:"by,omitempty"`
	Provider string        `json:"provider,omitempty"` // external authorizer that is asked

	Nearest *Finding  `json:"nearestAllow,omitempty"`
	Near    []Finding `json:"notMatching,omitempty"` // the closest rule of every policy that does not match
	Turns   []Turn    `json:"wouldChange,omitempty"`
	Audited []Finding `json:"audited,omitempty"`
	DryRun  *DryRun   `json:"dryRun,omitempty"`
	Notes   []string  `json:"notes,omitempty"`
}

// Place is where something is written; File is empty for what is in no file.
type Place struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String returns "file:line:column", as much of it as is known.
func (p Place) String() string { return config.Position(p).String() }

// Finding is a rule, or another object, and how it relates to the request.
type Finding struct {
	Policy string `json:"policy"` // "AuthorizationPolicy/NAMESPACE/NAME"
	Action string `json:"action,omitempty"`
	Field  string `json:"field,omitempty"`
	Place
	Met   []Condition `json:"met,omitempty"`
	Unmet []Condition `json:"unmet,omitempty"`
}

// Condition is what a rule asks for, and where.
type Condition struct {
	authz.Condition
	Place
}

// Turn is what would change the verdict: all conditions true, or with breaks one of them false.
type Turn struct {
	Verdict    authz.Verdict `json:"verdict"`
	Rule       Finding       `json:"rule"`
	Conditions []Condition   `json:"conditions"`
	Breaks     bool          `json:"breaks,omitempty"`
}

// DryRun is the verdict with the policies on trial in force, and which of them match.
type DryRun struct {
	Verdict  authz.Verdict `json:"verdict"`
	Matching []Finding     `json:"matching,omitempty"`
}

// places finds where objects are written.
type places struct{ set config.Set }

func (p places) at(key config.Key, field string) Place {
	o := p.set.Get(key.Origin())
	if o == nil {
		return Place{}
	}
	return Place(o.FieldPosition(field))
}

func (p places) finding(m *authz.Match) *Finding {
	if m == nil {
		return nil
	}
	return &Finding{
		Policy: m.Object.Origin().String(), Action: m.Action, Field: m.Field, Place: p.at(m.Object, m.Field),
		Met: p.conditions(m.Object, m.Met), Unmet: p.conditions(m.Object, m.Unmet),
	}
}

func (p places) conditions(key config.Key, list []authz.Condition) []Condition {
	var out []Condition
	for _, c := range list {
		out = append(out, Condition{c, p.at(key, c.Field)})
	}
	return out
}

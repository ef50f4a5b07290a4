package mesh

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// update is a change while it is worked off: every table as edited so far, what must still be resolved again, and what turned
// out to differ.
type update struct {
	tables

	// What must be resolved again.
	stalePolicies  map[string]bool     // namespaces
	staleInstances map[config.Key]bool // objects
	reselected     []*definition       // whose selector is new
	newMembers     map[config.Key][]membership
	staleHosts     map[hostKey]bool
	staleBackends  map[hostKey]bool
	staleRules     map[hostKey]bool
	changedRules   []*rule             // DestinationRules as they were and as they are
	staleChecks    map[config.Key]bool // VirtualServices whose references are to be checked
	staleVirtuals  map[config.Key]bool
	staleSecrets   []config.Key
	changedVirtual []virtualDelta

	change Change
}

func newUpdate(s *Snapshot, set config.Set) *update {
	t := &update{
		tables:        s.tables,
		stalePolicies: map[string]bool{}, staleInstances: map[config.Key]bool{}, newMembers: map[config.Key][]membership{},
		staleHosts: map[hostKey]bool{}, staleBackends: map[hostKey]bool{}, staleRules: map[hostKey]bool{},
		staleVirtuals: map[config.Key]bool{}, staleChecks: map[config.Key]bool{},
		change: Change{Hosts: map[string]Aspect{}, Sidecars: map[config.Key]bool{}, Rekey: map[string]bool{},
			Workloads: map[string]bool{}, Inbound: map[string]bool{}},
	}
	t.set = set
	return t
}

// finish returns the snapshot that results.
func (t *update) finish() *Snapshot {
	t.settle()
	return &Snapshot{t.tables}
}

// mark notes that aspects of a host differ.
func (t *update) mark(host string, a Aspect) { t.change.Hosts[host] |= a }

// report replaces what is known to be wrong with an object.
func (t *update) report(key config.Key, problems []config.Problem) {
	if key.Derived() {
		for i := range problems {
			problems[i] = t.attribute(problems[i])
		}
	}
	setList(&t.problems, key, problems)
}

// problem describes a fault of an object at the place where its field is written.
func problem(o *config.Object, severity config.Severity, field, message, fix string) config.Problem {
	return config.Problem{
		Position: o.FieldPosition(field), Object: o.Key, Field: field,
		Severity: severity, Code: config.Unresolved(severity), Message: message, Fix: fix,
	}
}

// invalid is a problem that the document alone has: Kubernetes, or Istio's validation, refuses it whatever else there is.
func invalid(o *config.Object, severity config.Severity, field, message, fix string) config.Problem {
	p := problem(o, severity, field, message, fix)
	p.Code = codes.SchemaError
	return p
}

// visibility resolves an exportTo list; an empty one takes the mesh-wide default, and without that is public.
func visibility(exportTo, fallback []string, namespace string) Visibility {
	if len(exportTo) == 0 {
		exportTo = fallback
	}
	if len(exportTo) == 0 {
		return Visibility{Public: true}
	}
	var v Visibility
	for _, to := range exportTo {
		switch to {
		case "*":
			return Visibility{Public: true}
		case ".":
			v.Namespaces = append(v.Namespaces, namespace)
		case "~": // nobody
		default:
			v.Namespaces = append(v.Namespaces, to)
		}
	}
	slices.Sort(v.Namespaces)
	v.Namespaces = slices.Compact(v.Namespaces)
	return v
}

package networks

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// group collects findings of one sort: what the same policies do to several workloads is told once.
type group struct {
	order  []string
	cases  map[string]*groupCase
	pass   *analyze.Pass
	code   codes.Code
	moving direction
}

type groupCase struct {
	subject *subject
	count   int
	message string
}

func newGroup(p *analyze.Pass, code codes.Code, d direction) *group {
	return &group{cases: map[string]*groupCase{}, pass: p, code: code, moving: d}
}

// add notes a finding; message goes after the name of the pods.
func (g *group) add(s *subject, message string) {
	var names []string
	for _, one := range s.policies {
		names = append(names, one.object.Key.Name)
	}
	if s.workload == nil && s.policies[0].selector.Empty() {
		names = []string{"*"} // all pods, whichever of the policies that select all it is told of
	}
	key := s.namespace + "/" + strings.Join(names, ",") + "/" + message
	if c := g.cases[key]; c != nil {
		c.count++
		return
	}
	g.order = append(g.order, key)
	g.cases[key] = &groupCase{subject: s, count: 1, message: message}
}

// report reports what was collected.
func (g *group) report() {
	for _, key := range g.order {
		c := g.cases[key]
		culprit := c.subject.culprit(g.moving)
		name := c.subject.name()
		if c.subject.workload != nil && c.count > 1 {
			name = fmt.Sprintf("%s and %d more", name, c.count-1)
		}
		f := analyze.Finding{Code: g.code, Object: culprit.object, Field: culprit.field(g.moving), Message: name + " " + c.message}
		for _, one := range c.subject.policies {
			if one != culprit && one.isolates[g.moving] {
				f.Related = append(f.Related, analyze.Related{
					Object: one.object.Key, Position: one.object.Position(), Message: "also selects them, and does not let it through either",
				})
			}
		}
		if c.subject.workload != nil {
			w := c.subject.workload.Object
			f.Related = append(f.Related, analyze.Related{Object: w.Key, Position: w.Position(), Message: "the workload"})
		}
		g.pass.Report(f)
	}
}

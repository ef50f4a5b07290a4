package routing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// stream is one match of a TCP or TLS rule. Of several that hold for a connection the proxy takes the one with the narrowest name and subnet, not
// the first: one is dead only where an earlier one has the same names and subnets, or where an earlier TCP match has no subnets at all.
type stream struct {
	origin
	field          string
	names, subnets []string
}

// streams looks at the TCP and TLS rules of a VirtualService.
func (s *shadows) streams(v *mesh.Virtual) {
	var list []stream
	for i, r := range v.Own.GetTcp() {
		for j, m := range r.GetMatch() {
			list = append(list, stream{originOf(v, m, m.GetPort()), fmt.Sprintf("spec.tcp[%d].match[%d]", i, j), nil, m.GetDestinationSubnets()})
		}
	}
	s.dead(v, list, func(e, l stream) bool { return len(e.subnets) == 0 || within(l.subnets, e.subnets) })
	list = nil
	for i, r := range v.Own.GetTls() {
		for j, m := range r.GetMatch() {
			var names []string
			for _, n := range m.GetSniHosts() {
				names = append(names, strings.ToLower(n))
			}
			list = append(list, stream{originOf(v, m, m.GetPort()), fmt.Sprintf("spec.tls[%d].match[%d]", i, j), names, m.GetDestinationSubnets()})
		}
	}
	s.dead(v, list, func(e, l stream) bool {
		return within(l.names, e.names) && (len(e.subnets) == 0 && len(l.subnets) == 0 || within(l.subnets, e.subnets))
	})
}

func within(list, of []string) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(of, s) })
}

func originOf(v *mesh.Virtual, m interface {
	GetGateways() []string
	GetSourceLabels() map[string]string
	GetSourceNamespace() string
}, port uint32) origin {
	o := origin{gateways: m.GetGateways(), labels: m.GetSourceLabels(), namespace: m.GetSourceNamespace(), port: port}
	if len(o.gateways) == 0 {
		o.gateways = v.Bound()
	}
	return o
}

func (s *shadows) dead(v *mesh.Virtual, list []stream, covers func(e, l stream) bool) {
	told := s.told[v.Object]
	for i, l := range list {
		rule, _, _ := strings.Cut(l.field, ".match")
		if told[l.field] || told[rule] {
			continue
		}
		for _, e := range list[:i] {
			if strings.HasPrefix(e.field, rule+".") || !e.covers(l.origin) || !covers(e, l) {
				continue
			}
			s.pass.Report(analyze.Finding{
				Code: codes.RouteShadowed, Object: v.Object, Field: l.field,
				Message: fmt.Sprintf("the match never takes anything: %s takes all of its connections first", e.field),
				Related: related(v.Object, e.field, "connections go here"),
			})
			break
		}
	}
}

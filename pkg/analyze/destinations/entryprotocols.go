package destinations

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func entryProtocols() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "serviceentry-protocols",
		Doc:   "ServiceEntries that give one port of one host different protocols",
		Codes: []codes.Code{codes.EntryProtocolConflict},
		Kinds: []config.Kind{config.ServiceEntry, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			places := map[entryPlace][]entryPort{}
			for _, o := range p.All(config.ServiceEntry) {
				if spec, ok := o.Spec.(*networking.ServiceEntry); ok {
					collectPorts(p, o, spec, places)
				}
			}
			order := slices.SortedFunc(maps.Keys(places), func(a, b entryPlace) int {
				return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.port, b.port))
			})
			told := map[config.Key]bool{}
			for _, place := range order {
				list := places[place]
				for _, one := range list {
					if i := slices.IndexFunc(list, one.contradicts); i >= 0 && !told[one.object.Key] {
						told[one.object.Key] = true
						p.Report(one.conflict(place, list[i]))
					}
				}
			}
		},
	}
}

type entryPlace struct {
	host string
	port uint32
}

// entryPort is one port of a ServiceEntry.
type entryPort struct {
	object   *config.Object
	field    string
	protocol string // upper case, empty where none is declared
	name     string
	exported []string // namespaces, or "*"
}

func collectPorts(p *analyze.Pass, o *config.Object, spec *networking.ServiceEntry, places map[entryPlace][]entryPort) {
	exported := spec.GetExportTo()
	if len(exported) == 0 {
		exported = p.Config().Mesh.GetDefaultServiceExportTo()
	}
	if len(exported) == 0 {
		exported = []string{"*"}
	}
	exported = slices.Clone(exported)
	for i, n := range exported {
		if n == "." {
			exported[i] = o.Key.Namespace
		}
	}
	for _, h := range spec.GetHosts() {
		for i, port := range spec.GetPorts() {
			place := entryPlace{strings.ToLower(strings.TrimSuffix(h, ".")), port.GetNumber()}
			places[place] = append(places[place], entryPort{o, fmt.Sprintf("spec.ports[%d]", i), strings.ToUpper(port.GetProtocol()), port.GetName(), exported})
		}
	}
}

// contradicts reports whether some namespace sees both ports, and with different protocols.
func (e entryPort) contradicts(o entryPort) bool {
	return e.object != o.object && e.protocol != o.protocol &&
		(slices.Contains(e.exported, "*") || slices.Contains(o.exported, "*") || slices.ContainsFunc(e.exported, func(n string) bool { return slices.Contains(o.exported, n) }))
}

func (e entryPort) conflict(at entryPlace, o entryPort) analyze.Finding {
	field := e.field + ".number"
	if e.protocol != "" {
		field = e.field + ".protocol"
	}
	return analyze.Finding{
		Code: codes.EntryProtocolConflict, Object: e.object, Field: field,
		Message: fmt.Sprintf("port %d of %s has %s here and %s in %s: clients that see both treat the port by one of the two", at.port, at.host, spoken(e.protocol), spoken(o.protocol), o.object.Key),
		Fix:     "declare one protocol in both, or export them to different namespaces",
		Related: []analyze.Related{{Object: o.object.Key, Position: o.object.FieldPosition(o.field), Message: "the other declaration"}},
	}
}

func spoken(protocol string) string {
	if protocol == "" {
		return "no protocol"
	}
	return "protocol " + protocol
}

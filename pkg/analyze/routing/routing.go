// Package routing judges where requests and connections are led: VirtualServices, and Sidecars, which say what is seen of them.
package routing

import (
	"fmt"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Analyzers returns the analyzers of this package.
func Analyzers() []*analyze.Analyzer {
	return []*analyze.Analyzer{
		ports(), rules(), gatewayHosts(), claims(), weights(), wildcards(), calls(),
		sidecarConflicts(), sidecarSelectors(), hiddenHosts(),
	}
}

// written is the fact of the VirtualServices that people wrote, the oldest first; what other APIs were converted to has rules of its own.
var written = analyze.NewFact(func(p *analyze.Pass) []*mesh.Virtual {
	p.Reads(config.VirtualService, config.ConfigMap)
	var out []*mesh.Virtual
	for _, v := range p.Mesh().Virtuals() {
		if !v.Object.Key.Derived() {
			out = append(out, v)
		}
	}
	return out
})

// name is how messages call an object of a known kind.
func name(o *config.Object) string { return o.Key.Namespace + "/" + o.Key.Name }

func at(path string, index int) string { return fmt.Sprintf("%s[%d]", path, index) }

// related points to a field of another object, or of the same.
func related(o *config.Object, field, message string) []analyze.Related {
	return []analyze.Related{{Object: o.Key, Position: o.FieldPosition(field), Message: message}}
}

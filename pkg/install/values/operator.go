package values

import (
	"io/fs"
	"strings"

	"github.com/meshctl/meshctl/manifests"
)

// Describe returns what a profile is for, in one line; empty for a profile that there is not.
func Describe(profile string) string {
	data, err := fs.ReadFile(manifests.FS, "profiles/"+profile+".yaml")
	if err != nil {
		return ""
	}
	var text []string
	for line := range strings.Lines(string(data)) {
		comment, ok := strings.CutPrefix(line, "#")
		if !ok {
			break
		}
		text = append(text, strings.TrimSpace(comment))
	}
	return strings.Join(text, " ")
}

// Operator returns the values as an IstioOperator resource with everything written out. Loaded, it gives the same installation again.
// Overlays and settings of single gateways, which profiles do not have, are not part of it.
func (v Values) Operator() map[string]any {
	tree := clone(v.Tree)
	mesh := tree["meshConfig"]
	delete(tree, "meshConfig")
	delete(tree, "revision")
	spec := map[string]any{
		"profile": v.Profile, "namespace": v.Namespace, "meshConfig": mesh, "values": tree,
		"components": map[string]any{
			"base": map[string]any{"enabled": v.InstallBase}, "pilot": map[string]any{"enabled": v.InstallPilot},
			"ingressGateways": v.gatewayEntries(IngressGateways), "egressGateways": v.gatewayEntries(EgressGateways),
		},
	}
	if v.Revision != "" {
		spec["revision"] = v.Revision
	}
	return map[string]any{"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec}
}

// gatewayEntries lists the gateways of a component, the default one also when it is not installed.
func (v Values) gatewayEntries(component string) []any {
	usual := defaultGateway(component)
	first := map[string]any{"name": usual, "enabled": false}
	out := []any{first}
	for _, g := range v.Gateways {
		switch {
		case g.Component != component:
		case g.Name == usual:
			first["enabled"] = true
		default:
			out = append(out, map[string]any{"name": g.Name, "enabled": true, "namespace": g.Namespace})
		}
	}
	return out
}

package values

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/manifests"
)

// builder lays layers over the defaults.
type builder struct {
	profile string
	// tree are the values so far; defaults stay as they are and tell what is valid.
	tree, defaults map[string]any
	namespace      string
	base, pilot    bool
	gateways       []*gateway
	overlays       []Overlay
	problems       []error
	warnings       []Warning
}

// gateway is one gateway so far.
type gateway struct {
	component, name, namespace string
	enabled                    bool
	own                        map[string]any // values that are its own, over those of its component
}

func newBuilder() (*builder, error) {
	b := &builder{tree: map[string]any{}, namespace: DefaultNamespace, base: true, pilot: true}
	for _, path := range []string{"charts/base/values.yaml", "charts/istiod/values.yaml", "gateways.yaml"} {
		data, err := fs.ReadFile(manifests.FS, path)
		if err != nil {
			return nil, err
		}
		var tree map[string]any
		if err := yaml.Unmarshal(data, &tree); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		adopt(b.tree, tree)
	}
	put(b.tree, "global.istioNamespace", DefaultNamespace)
	b.defaults = clone(b.tree)
	b.gateways = []*gateway{
		{component: IngressGateways, name: "istio-ingressgateway", own: map[string]any{}},
		{component: EgressGateways, name: "istio-egressgateway", own: map[string]any{}},
	}
	return b, nil
}

// adopt merges defaults: other than merge it keeps nulls, which stand for anything.
func adopt(base, over map[string]any) {
	for k, v := range over {
		inner, isMap := v.(map[string]any)
		if old, was := base[k].(map[string]any); isMap && was {
			adopt(old, inner)
			continue
		}
		base[k] = v
	}
}

// operatorFields are what an IstioOperator's spec has besides what is listed in unsupported.
var operatorFields = map[string]any{
	"profile": "", "hub": "", "tag": "", "namespace": "", "revision": "", "components": nil, "meshConfig": nil, "values": nil,
}

// apply lays a layer over what there is.
func (b *builder) apply(l layer) {
	for k, v := range b.distinct(l, l.root, nil) {
		path := []string{k.Value}
		if k.Value == "unvalidatedValues" || b.unsupported(l, k, v, path) {
			b.unvalidated(l, k, v)
			continue
		}
		switch k.Value {
		case "profile":
		case "hub", "tag":
			b.value(l, v, "global."+k.Value, path)
		case "namespace":
			b.value(l, v, "global.istioNamespace", path)
		case "meshConfig":
			b.meshConfig(l, v, path)
		case "components":
			b.components(l, v)
		case "values":
			b.values(l, v, path)
		default:
			b.values(l, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{k, v}}, nil)
		}
	}
}

// unvalidated refuses values that a chart of one's own would read.
func (b *builder) unvalidated(l layer, k, v *yaml.Node) {
	if k.Value == "unvalidatedValues" && len(v.Content) > 0 {
		b.wrong(l, k, []string{k.Value}, "is for templates of one's own, of which there are none here; use values")
	}
}

// value sets one value by its path in the tree.
func (b *builder) value(l layer, n *yaml.Node, at string, path []string) {
	if v, ok := b.decode(l, n, get(b.defaults, at), path); ok && v != nil {
		put(b.tree, at, v)
	}
}

// values lays Helm values over the tree. Where nothing stands before them they may as well have been an IstioOperator's field, which
// a misspelled one may have meant.
func (b *builder) values(l layer, n *yaml.Node, path []string) {
	if n = resolve(n); n.Kind != yaml.MappingNode {
		if !isNull(n) {
			b.wrong(l, n, path, "must be a mapping")
		}
		return
	}
	over := map[string]any{}
	for k, v := range b.distinct(l, n, path) {
		at := append(slices.Clone(path), k.Value)
		like, known := b.defaults[k.Value]
		switch {
		case b.unsupported(l, k, v, at):
		case k.Value == "meshConfig":
			b.meshConfig(l, v, at)
		case known && (!l.operator || len(path) > 0 || k.Value == "revision"):
			if value, ok := b.decode(l, v, like, at); ok {
				over[k.Value] = value
			}
		default:
			b.unknown(l, k, at, b.top(l, path))
		}
	}
	merge(b.tree, over)
}

// top are the names that may stand where path leads.
func (b *builder) top(l layer, path []string) map[string]any {
	all := map[string]any{}
	if len(path) > 0 || !l.operator {
		maps.Copy(all, b.defaults)
	}
	if len(path) == 0 {
		maps.Copy(all, operatorFields)
	}
	return all
}

// finish makes the values of what has been laid together.
func (b *builder) finish(o Options) Values {
	v := Values{
		Profile: b.profile, KubeVersion: o.KubeVersion, InstallBase: b.base, InstallPilot: b.pilot, Tree: b.tree, Overlays: b.overlays,
	}
	v.Namespace, _ = get(b.tree, "global.istioNamespace").(string)
	v.Namespace = cmp.Or(v.Namespace, DefaultNamespace)
	v.Revision, _ = b.tree["revision"].(string)
	if v.Revision == "default" {
		v.Revision = ""
	}
	b.tree["revision"] = v.Revision
	if t, _ := get(b.tree, "global.tag").(string); t == "" {
		put(b.tree, "global.tag", tag())
	}
	if !b.base && !b.pilot && !slices.ContainsFunc(b.gateways, func(g *gateway) bool { return g.enabled }) {
		b.problems = append(b.problems, fmt.Errorf("nothing is enabled: enable one of the components base, pilot, ingressGateways, egressGateways"))
	}
	b.validNames(v)
	if pilot, ok := b.tree["pilot"].(map[string]any); ok {
		leastReplicas(pilot)
	}
	for _, g := range b.gateways {
		if g.enabled {
			v.Gateways = append(v.Gateways, b.chartValues(g, v))
		}
	}
	return v
}

// variable warns of a variable of the control plane that nobody reads: meshd is set by its arguments.
func (b *builder) variable(l layer, n *yaml.Node, path []string, name string) {
	if !strings.HasPrefix(name, "GO") && !strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
		b.warn(l, n, path, "meshd does not read "+name+"; it is set by meshConfig and by arguments (meshd --help)")
	}
}

// leastReplicas keeps a number of replicas that was asked for from being scaled away.
func leastReplicas(workload map[string]any) {
	count, _ := workload["replicaCount"].(int)
	least, _ := workload["autoscaleMin"].(int)
	most, _ := workload["autoscaleMax"].(int)
	if scaled, _ := workload["autoscaleEnabled"].(bool); scaled && count > least {
		workload["autoscaleMin"], workload["autoscaleMax"] = count, max(count, most)
	}
}

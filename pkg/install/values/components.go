package values

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/config"
)

// The components of an IstioOperator, of this day and of former days, as far as they mean something here.
const (
	isBase = iota
	isPilot
	isFormerPilot // once a program of its own, now part of meshd
	isIngress
	isEgress
	isMissing // there is nothing like it
)

type componentName struct {
	name string
	is   int
	why  string
}

var componentNames = []componentName{
	{"base", isBase, ""},
	{"pilot", isPilot, ""},
	{"citadel", isFormerPilot, ""},
	{"galley", isFormerPilot, ""},
	{"sidecarInjector", isFormerPilot, ""},
	{"ingressGateways", isIngress, ""},
	{"egressGateways", isEgress, ""},
	{"cni", isMissing, "traffic is redirected by an init container, not by a CNI plugin"},
	{"ztunnel", isMissing, "there is no ambient mode: pods get sidecars"},
	{"istiodRemote", isMissing, "the control plane runs in the cluster that it serves"},
	{"policy", isMissing, "policies are enforced by the proxies"},
	{"telemetry", isMissing, "metrics are made by the proxies"},
	{"nodeAgent", isMissing, "certificates come through the proxy's agent"},
	{"coreDNS", isMissing, "proxies answer DNS themselves (ISTIO_META_DNS_CAPTURE)"},
}

// components reads the components of an IstioOperator.
func (b *builder) components(l layer, n *yaml.Node) {
	at := []string{"components"}
	if n = resolve(n); n.Kind != yaml.MappingNode {
		if !isNull(n) {
			b.wrong(l, n, at, "must be a mapping")
		}
		return
	}
	for k, v := range b.distinct(l, n, at) {
		path := append(slices.Clone(at), k.Value)
		i := slices.IndexFunc(componentNames, func(c componentName) bool { return c.name == k.Value })
		if i < 0 {
			b.unknownComponent(l, k, path)
			continue
		}
		if isNull(v) {
			continue
		}
		switch c := componentNames[i]; c.is {
		case isBase:
			b.component(l, v, path, nil, &b.base)
		case isPilot:
			b.component(l, v, path, &target{builder: b, path: "pilot", name: "istiod"}, &b.pilot)
		case isFormerPilot:
			b.formerPilot(l, v, path)
		case isIngress:
			b.gatewayList(l, v, path, IngressGateways)
		case isEgress:
			b.gatewayList(l, v, path, EgressGateways)
		default:
			b.missing(l, v, path, c.why)
		}
	}
}

func (b *builder) unknownComponent(l layer, k *yaml.Node, path []string) {
	var names []string
	for _, c := range componentNames {
		names = append(names, c.name)
	}
	message := "there is no such component"
	if meant := config.Nearest(k.Value, names); meant != "" {
		message += "; did you mean components." + meant + "?"
	}
	b.wrong(l, k, path, message)
}

// missing accepts a component that there is not when it is switched off, and refuses it otherwise.
func (b *builder) missing(l layer, n *yaml.Node, path []string, why string) {
	if (layer{root: n}).text("enabled") != "false" {
		b.wrong(l, n, path, "is not supported: "+why)
	}
}

// component reads what is said of one component. Without a target it has no settings of its own.
func (b *builder) component(l layer, n *yaml.Node, path []string, to *target, enabled *bool) {
	if resolve(n).Kind != yaml.MappingNode {
		b.wrong(l, n, path, "must be a mapping with enabled, k8s and so on")
		return
	}
	for k, v := range b.distinct(l, n, path) {
		at := append(slices.Clone(path), k.Value)
		switch k.Value {
		case "enabled":
			if on, ok := b.scalar(l, v, true, at); ok {
				*enabled = on.(bool)
			}
		case "k8s":
			if to == nil {
				b.wrong(l, k, at, "the component has no workload to set this for")
				continue
			}
			b.k8s(l, v, at, *to)
		case "hub", "tag":
			if to != nil && to.path == "pilot" {
				b.value(l, v, "pilot."+k.Value, at)
				continue
			}
			b.wrong(l, k, at, "is not supported: the image of gateways is that of all proxies, global."+k.Value)
		case "namespace":
			if to != nil && to.gateway != nil {
				to.gateway.namespace = v.Value
				continue
			}
			if v.Value != "" && v.Value != get(b.tree, "global.istioNamespace") {
				b.wrong(l, k, at, "is not supported: the control plane is in the namespace of the installation (namespace)")
			}
		case "name":
			if to == nil || to.gateway == nil {
				b.wrong(l, k, at, "is not supported: only gateways have names")
			}
		case "label":
			if to == nil || to.gateway == nil {
				b.wrong(l, k, at, "is not supported: only gateways have labels")
				continue
			}
			to.set(l, v, "labels", at)
		default:
			b.unknown(l, k, at, map[string]any{"enabled": true, "namespace": "", "hub": "", "tag": "", "k8s": nil, "name": "", "label": nil})
		}
	}
}

// formerPilot reads a component that is part of meshd today: of each resource meshd gets the largest request.
func (b *builder) formerPilot(l layer, n *yaml.Node, path []string) {
	side := &builder{defaults: b.defaults, tree: map[string]any{"global": map[string]any{}}, overlays: nil}
	enabled := true
	side.component(l, n, path, &target{builder: side, path: "pilot", name: "istiod"}, &enabled)
	b.problems = append(b.problems, side.problems...)
	b.warnings = append(b.warnings, side.warnings...)
	message := "is part of meshd (pilot)"
	if asked, ok := get(side.tree, "pilot.resources").(map[string]any); ok && enabled {
		mine, _ := get(b.tree, "pilot.resources").(map[string]any)
		put(b.tree, "pilot.resources", largest(mine, asked))
		message += "; of each resource it gets the largest request of both"
	}
	if other, ok := side.tree["pilot"].(map[string]any); ok && len(other) > 0 {
		for _, name := range slices.Sorted(maps.Keys(other)) {
			if name != "resources" {
				b.wrong(l, n, append(slices.Clone(path), "k8s"), fmt.Sprintf("only resources are taken from this component; set pilot.%s", name))
			}
		}
	}
	if !enabled {
		message += ", which cannot do without it"
	}
	b.warn(l, n, path, message)
}

// gatewayList reads the gateways of a component. They are told apart by name; one without a name is meant by its place.
func (b *builder) gatewayList(l layer, n *yaml.Node, path []string, component string) {
	entries := map[int]*yaml.Node{}
	switch n = resolve(n); {
	case n.Tag == atTag:
		for k, v := range fields(n) {
			i, _ := strconv.Atoi(k.Value)
			entries[i] = v
		}
	case n.Kind == yaml.SequenceNode:
		for i, v := range n.Content {
			entries[i] = resolve(v)
		}
	default:
		b.wrong(l, n, path, "must be a list of gateways")
		return
	}
	for i, v := range sortedEntries(entries) {
		at := append(slices.Clone(path), index(i))
		if v.Kind != yaml.MappingNode {
			b.wrong(l, v, at, "must be a mapping with name, enabled, k8s and so on")
			continue
		}
		g := b.gateway(component, (layer{root: v}).text("name"), i)
		if g == nil {
			b.wrong(l, v, at, "there is no gateway at this place; give its name, or count from [0]")
			continue
		}
		b.component(l, v, at, &target{builder: b, path: "gateways." + defaultGateway(component), gateway: g, name: g.name}, &g.enabled)
	}
}

func defaultGateway(component string) string {
	if component == EgressGateways {
		return "istio-egressgateway"
	}
	return "istio-ingressgateway"
}

// gateway finds the gateway with a name, or makes it; without a name, the one at a place.
func (b *builder) gateway(component, name string, place int) *gateway {
	for _, g := range b.gateways {
		if g.component != component {
			continue
		}
		if name == g.name || name == "" && place == 0 {
			return g
		}
		if name == "" {
			place--
		}
	}
	if name == "" {
		return nil
	}
	g := &gateway{component: component, name: name, own: map[string]any{}}
	b.gateways = append(b.gateways, g)
	return g
}

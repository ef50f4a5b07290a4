package gateways

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

// proxyKinds are the kinds that tell which proxies a Gateway has.
func proxyKinds() []config.Kind {
	return append(analyze.WorkloadKinds(), config.Gateway, config.Namespace, config.ConfigMap)
}

// gatewayProxies are the workloads that Gateways select.
type gatewayProxies struct {
	bySelector map[string][]*analyze.Workload
	// known: the input says which gateways there are. A Deployment of an application does not: gateways are installed apart from those.
	known bool
}

// of returns the workloads that a selector means, in any namespace.
func (g gatewayProxies) of(selector map[string]string) []*analyze.Workload {
	return g.bySelector[labelText(selector)]
}

// proxies is the fact of which workloads the Gateways that people wrote select.
var proxies = analyze.NewFact(func(p *analyze.Pass) gatewayProxies {
	all := analyze.AllWorkloads(p)
	out := gatewayProxies{bySelector: map[string][]*analyze.Workload{}, known: p.Knows(config.Pod)}
	system := p.Config().SystemNamespace
	for _, w := range all.All {
		out.known = out.known || w.Gateway || w.Namespace == system
	}
	for _, o := range p.All(config.Gateway) {
		spec, ok := o.Spec.(*networking.Gateway)
		if !ok {
			continue
		}
		text := labelText(spec.Selector)
		if _, done := out.bySelector[text]; done {
			continue
		}
		list := all.Selected("", spec.Selector)
		if len(spec.Selector) == 0 {
			list = slices.DeleteFunc(slices.Clone(all.All), func(w *analyze.Workload) bool { return !w.Gateway })
		}
		out.bySelector[text] = list
		out.known = out.known || len(spec.Selector) > 0 && len(list) > 0
	}
	return out
})

// namespaces are those of workloads, sorted.
func namespaces(list []*analyze.Workload) []string {
	seen := map[string]bool{}
	for _, w := range list {
		seen[w.Namespace] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// labelText writes labels as people do: "app=web,istio=ingressgateway".
func labelText(labels map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, k+"="+labels[k])
	}
	return strings.Join(out, ",")
}

// selected names the workloads that a Gateway's selector means.
func selected(selector map[string]string) string {
	if len(selector) == 0 {
		return "any gateway"
	}
	return "the pods with " + labelText(selector)
}

// selectorField is where a selector is written: the label itself, where there is one only.
func selectorField(path string, selector map[string]string) string {
	if len(selector) == 1 {
		for k := range selector {
			return path + "[" + k + "]"
		}
	}
	return path
}

// serverField is the path of a server.
func serverField(i int) string { return fmt.Sprintf("spec.servers[%d]", i) }

// full is how people name an object among others of its kind.
func full(o *config.Object) string { return o.Key.Namespace + "/" + o.Key.Name }

// few joins the first names of a list, and says how many more there are.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

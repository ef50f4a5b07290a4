package envoyfilter

import (
	"fmt"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
)

// checkExtensions takes out extension configurations that are defined twice, and filters that would wait for one that there is not.
func (g *Program) checkExtensions() {
	defined := map[string]*Patch{}
	g.extensions = slices.DeleteFunc(g.extensions, func(p *Patch) bool {
		name := p.value.(*corev3.TypedExtensionConfig).GetName()
		before := defined[name]
		if before != nil && p.operation == networking.EnvoyFilter_Patch_ADD {
			g.Problems = append(g.Problems, p.problem(config.Error, "patch.value.name", fmt.Sprintf("%q is already defined by %s", name, before.Key),
				"use another name, or operation: REPLACE"))
			return true
		}
		defined[name] = p
		return false
	})
	g.listeners = slices.DeleteFunc(g.listeners, func(p *Patch) bool {
		f, ok := p.value.(*hcmv3.HttpFilter)
		if !ok || f.GetConfigDiscovery().GetConfigSource().GetAds() == nil || defined[f.GetName()] != nil {
			return false
		}
		g.Problems = append(g.Problems, p.problem(config.Error, "patch.value.name",
			fmt.Sprintf("the filter asks for the extension configuration %q, and nothing defines it", f.GetName()),
			"add a patch with applyTo: EXTENSION_CONFIG for the name "+f.GetName()))
		return true
	})
}

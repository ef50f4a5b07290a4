package mesh

import (
	"cmp"
	"slices"
	"strings"

	extensions "istio.io/api/extensions/v1alpha1"
	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/meshctl/meshctl/pkg/config"
)

// Extension is what a WasmPlugin or a TrafficExtension asks for: a filter of the user's own. One of Wasm and Lua is set.
type Extension struct {
	Object *config.Object
	Phase  extensions.PluginPhase
	// Priority orders extensions of one phase, the highest first.
	Priority int32
	// Match selects traffic; none selects all.
	Match []*extensions.TrafficSelector
	Wasm  *extensions.WasmConfig
	// URL of the Wasm module with its scheme (file, http, https or oci), and an image with its registry and its tag or digest.
	URL string
	// Lua is the code of a Lua filter.
	Lua string
}

// ExtensionOf reads a WasmPlugin or a TrafficExtension by Istio's reference
// (https://istio.io/latest/docs/reference/config/proxy_extensions/). It returns nil, and problems that say why, when the object cannot be
// in force.
func ExtensionOf(o *config.Object) (*Extension, []config.Problem) {
	c := extensionCheck{object: o}
	e := &Extension{Object: o}
	switch spec := o.Spec.(type) {
	case *extensions.WasmPlugin:
		c.exclusive(spec.GetSelector() != nil, len(spec.GetTargetRefs()) > 0 || spec.GetTargetRef() != nil)
		e.Phase, e.Priority, e.Match = spec.GetPhase(), spec.GetPriority().GetValue(), selectorsOf(spec.GetMatch())
		e.Wasm = wasmOf(spec)
		e.URL = c.wasm("spec.", e.Wasm)
	case *extensions.TrafficExtension:
		c.exclusive(spec.GetSelector() != nil, len(spec.GetTargetRefs()) > 0)
		e.Phase, e.Priority, e.Match = extensions.PluginPhase(spec.GetPhase()), spec.GetPriority().GetValue(), spec.GetMatch()
		switch e.Wasm = spec.GetWasm(); {
		case e.Wasm != nil:
			e.URL = c.wasm("spec.wasm.", e.Wasm)
		case spec.GetLua() != nil:
			e.Lua = c.lua(spec.GetLua().GetInlineCode())
		default:
			c.fail("spec", "neither wasm nor lua is set", "set one of them")
		}
	default:
		return nil, nil
	}
	c.match(e.Match)
	if c.failed {
		return nil, c.problems
	}
	return e, c.problems
}

// wasmOf is the part of a WasmPlugin that a TrafficExtension has as its wasm.
func wasmOf(p *extensions.WasmPlugin) *extensions.WasmConfig {
	return &extensions.WasmConfig{
		Url: p.GetUrl(), Sha256: p.GetSha256(), ImagePullPolicy: p.GetImagePullPolicy(), ImagePullSecret: p.GetImagePullSecret(),
		PluginConfig: p.GetPluginConfig(), PluginName: p.GetPluginName(), FailStrategy: p.GetFailStrategy(), VmConfig: p.GetVmConfig(),
		Type: p.GetType(),
	}
}

func selectorsOf(in []*extensions.WasmPlugin_TrafficSelector) []*extensions.TrafficSelector {
	var out []*extensions.TrafficSelector
	for _, s := range in {
		out = append(out, &extensions.TrafficSelector{Mode: s.GetMode(), Ports: s.GetPorts()})
	}
	return out
}

// Network reports whether the extension works on connections; otherwise it works on requests.
func (e *Extension) Network() bool { return e.Wasm.GetType() == extensions.PluginType_NETWORK }

// Selects reports whether traffic in a mode (CLIENT or SERVER) to a port, 0 when that is not known, passes the extension.
func (e *Extension) Selects(mode typev1beta1.WorkloadMode, port uint32) bool {
	return len(e.Match) == 0 || slices.ContainsFunc(e.Match, func(s *extensions.TrafficSelector) bool {
		switch s.GetMode() {
		case typev1beta1.WorkloadMode_UNDEFINED, typev1beta1.WorkloadMode_CLIENT_AND_SERVER, mode:
		default:
			return false
		}
		return len(s.GetPorts()) == 0 || slices.ContainsFunc(s.GetPorts(), func(p *typev1beta1.PortSelector) bool { return p.GetNumber() == port && port != 0 })
	})
}

// CompareExtensions orders the extensions of one phase: by priority, the highest first; WasmPlugins then by name and namespace, and after
// them TrafficExtensions by age, name and namespace.
func CompareExtensions(a, b *Extension) int {
	if order := cmp.Or(-cmp.Compare(a.Priority, b.Priority), -strings.Compare(a.Object.Key.Kind.Name, b.Object.Key.Kind.Name)); order != 0 {
		return order
	}
	if a.Object.Key.Kind == config.TrafficExtension {
		return older(a.Object, b.Object)
	}
	return cmp.Or(strings.Compare(a.Object.Key.Name, b.Object.Key.Name), strings.Compare(a.Object.Key.Namespace, b.Object.Key.Namespace))
}

// pullSecrets are the names of the Secrets with which an object's image is pulled.
func pullSecrets(o *config.Object) []string {
	if o == nil {
		return nil
	}
	if e, _ := ExtensionOf(o); e != nil && e.Wasm.GetImagePullSecret() != "" {
		return []string{secretName(e.Wasm.GetImagePullSecret())}
	}
	return nil
}

// pullsWith notes that the Secret of an extension changed: the proxies for which the extension holds are given it.
func (t *update) pullsWith(extension, secret config.Key) {
	if extension.Kind != config.WasmPlugin && extension.Kind != config.TrafficExtension || extension.Namespace != secret.Namespace {
		return
	}
	namespace := extension.Namespace
	if namespace == t.root() {
		namespace = ""
	}
	t.change.Inbound[namespace] = true
}

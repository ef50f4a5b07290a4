package translate

import (
	"slices"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	extensions "istio.io/api/extensions/v1alpha1"
	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// extensionTimeout is how long a new listener waits for its extensions. Then it takes traffic, and what fails closed answers 503 until
// it is there.
const extensionTimeout = 5 * time.Second

// Types of the filters that extensions are.
const (
	httpWasmType    = typePrefix + "envoy.extensions.filters.http.wasm.v3.Wasm"
	networkWasmType = typePrefix + "envoy.extensions.filters.network.wasm.v3.Wasm"
	luaType         = typePrefix + "envoy.extensions.filters.http.lua.v3.Lua"
	typePrefix      = "type.googleapis.com/"
)

// ExtensionName is the name of an extension's filter and of its configuration, as Istio's. What is no HTTP filter in Wasm has a suffix: a
// listener that is being replaced must not be told of a filter of another type under the name that it waits for.
func ExtensionName(e *mesh.Extension) string {
	kind, suffix := "wasmplugin", ""
	if _, ok := e.Object.Spec.(*extensions.TrafficExtension); ok {
		kind = "trafficextension"
	}
	switch filterType(e) {
	case luaType:
		suffix = "/lua"
	case networkWasmType:
		suffix = "/network"
	}
	return "extensions.istio.io/" + kind + "/" + e.Object.Key.Namespace + "." + e.Object.Key.Name + suffix
}

// httpExtensions are the HTTP filters of WasmPlugins and TrafficExtensions of one phase.
func (t traffic) httpExtensions(phase extensions.PluginPhase) []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	for _, e := range t.extensions(phase, false) {
		out = append(out, &hcmv3.HttpFilter{Name: ExtensionName(e), ConfigType: &hcmv3.HttpFilter_ConfigDiscovery{ConfigDiscovery: discovered(e)}})
	}
	return out
}

// networkExtensions are the network filters of WasmPlugins and TrafficExtensions of one phase.
func (t traffic) networkExtensions(phase extensions.PluginPhase) []*listenerv3.Filter {
	var out []*listenerv3.Filter
	for _, e := range t.extensions(phase, true) {
		out = append(out, &listenerv3.Filter{Name: ExtensionName(e), ConfigType: &listenerv3.Filter_ConfigDiscovery{ConfigDiscovery: discovered(e)}})
	}
	return out
}

// chain is the connection manager after the network filters of extensions, which are for HTTP's connections as well.
func (m httpManager) chain() []*listenerv3.Filter {
	var out []*listenerv3.Filter
	for _, phase := range []extensions.PluginPhase{
		extensions.PluginPhase_AUTHN, extensions.PluginPhase_AUTHZ, extensions.PluginPhase_STATS, extensions.PluginPhase_UNSPECIFIED_PHASE,
	} {
		out = append(out, m.networkExtensions(phase)...)
	}
	return append(out, m.filter())
}

// extensions are those of one phase and layer that the traffic passes, in their order.
func (t traffic) extensions(phase extensions.PluginPhase, network bool) []*mesh.Extension {
	mode := typev1beta1.WorkloadMode_CLIENT // gateways are clients
	if t.class == inbound {
		mode = typev1beta1.WorkloadMode_SERVER
	}
	var out []*mesh.Extension
	for _, list := range [...]mesh.Attached{t.policies.Wasm, t.policies.TrafficExtensions} {
		for _, o := range list {
			if e, _ := mesh.ExtensionOf(o); e != nil && e.Phase == phase && e.Network() == network && e.Selects(mode, t.port) {
				out = append(out, e)
			}
		}
	}
	slices.SortFunc(out, mesh.CompareExtensions)
	return out
}

// discovered has the agent supply a filter's configuration, once the filter is fetched and Envoy can run it. A change of it leaves
// the listener and its connections alone. When that fails, the agent sends a stand-in that does what the failure strategy says; Envoy has
// it as well, for an agent that takes too long.
func discovered(e *mesh.Extension) *corev3.ExtensionConfigSource {
	source := hasty(agentSource(), extensionTimeout)
	source.GetApiConfigSource().ApiType = corev3.ApiConfigSource_DELTA_GRPC
	standIn := agentapi.StandIn(ExtensionName(e), e.Network(), e.Wasm.GetFailStrategy() == extensions.FailStrategy_FAIL_OPEN)
	return &corev3.ExtensionConfigSource{ConfigSource: source, DefaultConfig: standIn, TypeUrls: filterTypes(e)}
}

// filterTypes are the types of an extension's filter and of what may stand in for it under any strategy: while a listener is replaced, the
// one before is told of the same filter.
func filterTypes(e *mesh.Extension) []string {
	if e.Network() {
		return []string{networkWasmType, agentapi.StandIn("", true, true).GetTypeUrl()}
	}
	return []string{httpWasmType, luaType, agentapi.StandIn("", false, true).GetTypeUrl()}
}

func filterType(e *mesh.Extension) string {
	switch {
	case e.Wasm == nil:
		return luaType
	case e.Network():
		return networkWasmType
	default:
		return httpWasmType
	}
}

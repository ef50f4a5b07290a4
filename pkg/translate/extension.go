package translate

import (
	"slices"
	"strconv"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	httprbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	networkrbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	"google.golang.org/protobuf/proto"
	extensions "istio.io/api/extensions/v1alpha1"
	typev1beta1 "istio.io/api/type/v1beta1"

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

// ExtensionName is the name of an extension's filter and of its configuration, as Istio's.
func ExtensionName(e *mesh.Extension) string {
	kind := "wasmplugin"
	if _, ok := e.Object.Spec.(*extensions.TrafficExtension); ok {
		kind = "trafficextension"
	}
	return "extensions.istio.io/" + kind + "/" + e.Object.Key.Namespace + "." + e.Object.Key.Name
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
// the listener and its connections alone. Until then, and when that fails, a stand-in does what the failure strategy says.
func discovered(e *mesh.Extension) *corev3.ExtensionConfigSource {
	source := hasty(agentSource(), extensionTimeout)
	source.GetApiConfigSource().ApiType = corev3.ApiConfigSource_DELTA_GRPC // says what is not there
	stand := pack(standIn(e))
	return &corev3.ExtensionConfigSource{ConfigSource: source, DefaultConfig: stand, TypeUrls: []string{filterType(e), stand.GetTypeUrl()}}
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

// standIn is the filter in the place of one that is not loaded.
func standIn(e *mesh.Extension) proto.Message {
	open := e.Wasm.GetFailStrategy() == extensions.FailStrategy_FAIL_OPEN
	const prefix = "extension-not-loaded"
	switch {
	case e.Network() && open:
		return &networkrbacv3.RBAC{StatPrefix: prefix} // without rules everybody may
	case e.Network():
		return &networkrbacv3.RBAC{StatPrefix: prefix, Rules: &rbacconfigv3.RBAC{}} // nobody may
	case open:
		return &httprbacv3.RBAC{}
	}
	why := strconv.Quote(e.Object.Key.String() + " is not loaded\n")
	return &luav3.Lua{DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{
		InlineString: "function envoy_on_request(handle) handle:respond({[\":status\"] = \"503\"}, " + why + ") end",
	}}}
}

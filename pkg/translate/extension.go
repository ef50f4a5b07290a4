package translate

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	extensions "istio.io/api/extensions/v1alpha1"
)

// httpExtensions are the HTTP filters of WasmPlugins and TrafficExtensions of one phase.
func (t traffic) httpExtensions(extensions.PluginPhase) []*hcmv3.HttpFilter { return nil }

// networkExtensions are the network filters of WasmPlugins of one phase.
func (t traffic) networkExtensions(extensions.PluginPhase) []*listenerv3.Filter { return nil }

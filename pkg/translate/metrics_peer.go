package translate

import (
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	httpstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// peerHeader is how a client's proxy tells the server's who calls. It is believed only over mutual TLS; every server's proxy takes it off,
// and so does the client's for destinations outside the mesh. peerState is where the server's keeps it until the request has ended.
const (
	peerHeader = "x-meshctl-peer"
	peerState  = "meshctl.peer"
)

// peerFilter tells the other side who calls, or learns it. What a gateway's clients say of themselves goes no further.
func (m httpManager) peerFilter() *hcmv3.HttpFilter {
	on := m.policies.Telemetry.Metrics.On
	switch {
	case m.class == inbound && m.mutual && on:
		return httpFilter(httpState, &httpstatev3.Config{OnRequestHeaders: []*statev3.FilterStateValue{{
			Key: &statev3.FilterStateValue_ObjectKey{ObjectKey: peerState}, FactoryKey: "envoy.string",
			Value:       &statev3.FilterStateValue_FormatString{FormatString: inlineFormat("%REQ(" + peerHeader + ")%")},
			SkipIfEmpty: true,
		}}})
	case m.class == inbound, m.class == outbound && !on:
		return nil
	}
	mutation := &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Remove{Remove: peerHeader}}
	if on {
		mutation.Action = &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: peerHeader, Value: "%ENVIRONMENT(MESHCTL_PEER)%"},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}}
	}
	return httpFilter("envoy.filters.http.header_mutation", &headermutationv3.HeaderMutation{
		Mutations: &headermutationv3.Mutations{RequestMutations: []*mutationv3.HeaderMutation{mutation}},
	})
}

package agentapi

import (
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// StandIn is the filter in the place of an extension that is not loaded, by the name of the extension: for connections or for requests,
// and open, which lets everything pass, or not. Requests are then answered with 503; connections end when the client sends something.
//
// The RBAC filters are written without their Go types, which would bring the agent those of most of Envoy's routes.
func StandIn(name string, network, open bool) *anypb.Any {
	const types = "type.googleapis.com/envoy.extensions.filters."
	const rulesField, statPrefixField = 1, 3
	switch {
	case network:
		var rbac []byte
		if !open { // empty rules allow nobody; without rules everybody may
			rbac = protowire.AppendBytes(protowire.AppendTag(rbac, rulesField, protowire.BytesType), nil)
		}
		rbac = protowire.AppendString(protowire.AppendTag(rbac, statPrefixField, protowire.BytesType), "extension-not-loaded")
		return &anypb.Any{TypeUrl: types + "network.rbac.v3.RBAC", Value: rbac}
	case open:
		return &anypb.Any{TypeUrl: types + "http.rbac.v3.RBAC"}
	}
	code := "function envoy_on_request(handle) handle:respond({[\":status\"] = \"503\"}, " + strconv.Quote(name+" is not loaded\n") + ") end"
	out := &anypb.Any{}
	lua := &luav3.Lua{DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: code}}}
	_ = anypb.MarshalFrom(out, lua, proto.MarshalOptions{Deterministic: true}) // fails on names that are not UTF-8 only
	return out
}

package translate

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/meshctl/meshctl/pkg/config"
)

// OriginMetadata is the filter_metadata namespace that names the objects that a resource comes from: {"from": "Kind/namespace/name"},
// several separated by a comma.
const OriginMetadata = "meshctl"

// origin stamps the objects behind a resource. It never holds positions: they change without any change of meaning.
func origin(keys ...config.Key) *corev3.Metadata {
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		if name := k.Origin().String(); k != (config.Key{}) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{OriginMetadata: {Fields: map[string]*structpb.Value{
		"from": structpb.NewStringValue(strings.Join(names, ",")),
	}}}}
}

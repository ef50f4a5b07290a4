package proxyconfig

import (
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// FromResources makes the dump of what a control plane means a proxy to run, from the resources that it serves by
// type URL. Types that no Dump has a place for are left out. The error names the resource that cannot be read.
func FromResources(resources map[string][]*anypb.Any) (*Dump, error) {
	d := &Dump{}
	for _, typeURL := range Types() {
		into := d.list(typeURL)
		for i, a := range resources[typeURL] {
			body, err := treeOf(a)
			if err != nil {
				return nil, fmt.Errorf("resource %d of %s: %w", i, typeURL, err)
			}
			*into = append(*into, Resource{Type: typeURL, Name: nameOf(body), State: Active, Body: body})
		}
	}
	d.sort()
	return d, nil
}

// treeOf gives the JSON form of a resource, its type beside its fields.
func treeOf(a *anypb.Any) (Tree, error) {
	data, err := protojson.MarshalOptions{UseProtoNames: true, Resolver: lenient{protoregistry.GlobalTypes}}.Marshal(a)
	if err != nil {
		return nil, err
	}
	t, err := readObject(strings.NewReader(string(data)))
	if err != nil {
		return nil, err
	}
	t = normalizeAny(t)
	redact(t)
	return t, nil
}

// lenient lets a message of a type that this program does not know pass: of its JSON only the type remains, which Diff
// takes into account.
type lenient struct{ *protoregistry.Types }

func (l lenient) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	mt, err := l.Types.FindMessageByURL(url)
	if err != nil {
		return (&tlsv3.TlsSessionTicketKeys{}).ProtoReflect().Type(), nil
	}
	return mt, nil
}

// Decode reads the resource into its Go message, e.g. *clusterv3.Cluster. Fields of later versions of Envoy are
// dropped; an extension whose Go type is not part of this program is an error.
func (r Resource) Decode(into proto.Message) error {
	data, err := json.Marshal(withoutType(r.Body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", Kind(r.Type), r.Name, err)
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s %s: %w", Kind(r.Type), r.Name, err)
	}
	return nil
}

func withoutType(t Tree) Tree {
	out := make(Tree, len(t))
	for k, v := range t {
		if k != "@type" {
			out[k] = v
		}
	}
	return out
}

// Kind is the word for resources of a type: "listener", "route", "cluster", "endpoint", "secret", "extension".
func Kind(typeURL string) string {
	switch typeURL {
	case ListenerType:
		return "listener"
	case RouteType:
		return "route"
	case ClusterType:
		return "cluster"
	case EndpointType:
		return "endpoint"
	case SecretType:
		return "secret"
	case ExtensionType:
		return "extension"
	case bootstrapType:
		return "bootstrap"
	default:
		return typeURL
	}
}

package controlplane

import (
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// proxyOf reads who a node says it is: the id "TYPE~IP~NAME.NAMESPACE~DOMAIN" and the metadata that Istio's agent documents
// (NAMESPACE, LABELS, SERVICE_ACCOUNT, INTERCEPTION_MODE, INSTANCE_IPS, NETWORK, GENERATOR, ANNOTATIONS). What it says is a claim;
// see authorize.
func proxyOf(node *corev3.Node) (mesh.Proxy, error) {
	parts := strings.Split(node.GetId(), "~")
	if len(parts) != 4 {
		return mesh.Proxy{}, fmt.Errorf("node id %q is not of the form TYPE~IP~NAME.NAMESPACE~DOMAIN", node.GetId())
	}
	name, namespace, ok := cutLast(parts[2], ".")
	if !ok {
		return mesh.Proxy{}, fmt.Errorf("node id %q: its third part %q is not NAME.NAMESPACE", node.GetId(), parts[2])
	}
	meta := node.GetMetadata().GetFields()
	p := mesh.Proxy{
		ID: node.GetId(), Name: name, Namespace: namespace,
		ServiceAccount: meta["SERVICE_ACCOUNT"].GetStringValue(),
		Network:        meta["NETWORK"].GetStringValue(),
		Labels:         stringMap(meta["LABELS"]),
		Locality:       localityOf(node.GetLocality()),
		Metadata:       texts(meta),
		Addresses:      addressesOf(parts[1], meta["INSTANCE_IPS"].GetStringValue()),
		Config:         stringMap(meta["ANNOTATIONS"])["proxy.istio.io/config"],
	}
	if ns := meta["NAMESPACE"].GetStringValue(); ns != "" && ns != namespace {
		return mesh.Proxy{}, fmt.Errorf("node id %q says namespace %q but its metadata NAMESPACE says %q", node.GetId(), namespace, ns)
	}
	if meta["INTERCEPTION_MODE"].GetStringValue() == "NONE" {
		p.Mode = mesh.Explicit
	}
	switch {
	case meta["GENERATOR"].GetStringValue() == "grpc":
		p.Type = mesh.Proxyless
	case parts[0] == "sidecar":
		p.Type = mesh.Sidecar
	case parts[0] == "router":
		p.Type = mesh.Router
	default:
		return mesh.Proxy{}, fmt.Errorf("node id %q: unknown proxy type %q, expected sidecar or router", node.GetId(), parts[0])
	}
	return p, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i <= 0 || i+len(sep) == len(s) {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func stringMap(v *structpb.Value) map[string]string {
	fields := v.GetStructValue().GetFields()
	if len(fields) == 0 {
		return nil
	}
	out := make(map[string]string, len(fields))
	for k, f := range fields {
		out[k] = f.GetStringValue()
	}
	return out
}

// texts keeps the fields that are text.
func texts(fields map[string]*structpb.Value) map[string]string {
	out := map[string]string{}
	for k, v := range fields {
		if text, ok := v.GetKind().(*structpb.Value_StringValue); ok {
			out[k] = text.StringValue
		}
	}
	return out
}

func localityOf(l *corev3.Locality) string {
	return strings.TrimRight(strings.Join([]string{l.GetRegion(), l.GetZone(), l.GetSubZone()}, "/"), "/")
}

func addressesOf(first, instanceIPs string) []string {
	var out []string
	for _, a := range append([]string{first}, strings.Split(instanceIPs, ",")...) {
		if a = strings.TrimSpace(a); a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

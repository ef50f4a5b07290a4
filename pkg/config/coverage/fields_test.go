package coverage

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	extensions "istio.io/api/extensions/v1alpha1"
	meshconfig "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"
	networkingbeta "istio.io/api/networking/v1beta1"
	security "istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"
)

// roots are the messages that people write: the specs of all kinds, and the mesh-wide configuration.
var roots = []proto.Message{
	&networking.VirtualService{}, &networking.DestinationRule{}, &networking.Gateway{}, &networking.ServiceEntry{},
	&networking.Sidecar{}, &networking.WorkloadEntry{}, &networking.WorkloadGroup{}, &networking.EnvoyFilter{},
	&networkingbeta.ProxyConfig{}, &security.PeerAuthentication{}, &security.RequestAuthentication{},
	&security.AuthorizationPolicy{}, &telemetry.Telemetry{}, &extensions.WasmPlugin{}, &extensions.TrafficExtension{},
	&meshconfig.MeshConfig{}, &meshconfig.ProxyConfig{}, &meshconfig.MeshNetworks{},
}

// reachable returns the fields of all messages that the roots can hold.
func reachable() map[string]protoreflect.FieldDescriptor {
	out := map[string]protoreflect.FieldDescriptor{}
	seen := map[protoreflect.FullName]bool{}
	var visit func(protoreflect.MessageDescriptor)
	visit = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] || m.FullName().Parent() == "google.protobuf" {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			out[Key(string(m.FullName()), f.JSONName(), "")] = f
			if f.IsMap() {
				f = f.MapValue()
			}
			if f.Message() != nil {
				visit(f.Message())
			}
		}
	}
	for _, root := range roots {
		visit(root.ProtoReflect().Descriptor())
	}
	return out
}

func table(t *testing.T) []Line {
	t.Helper()
	all, err := Table()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryFieldIsListedOnce(t *testing.T) {
	fields := reachable()
	listed := map[string]bool{}
	for _, l := range table(t) {
		if listed[l.Key()] {
			t.Errorf("%s.txt lists %s a second time", l.File, l.Key())
		}
		listed[l.Key()] = true
		f := fields[Key(l.Message, l.Field, "")]
		switch {
		case f == nil:
			t.Errorf("%s.txt lists %s, which the API does not have", l.File, l.Key())
		case l.Value != "" && !hasValue(f, l.Value):
			t.Errorf("%s.txt lists %s, but %s has no such value", l.File, l.Key(), l.Field)
		}
	}
	for key := range fields {
		if !listed[key] {
			t.Errorf("no file lists %s", key)
		}
	}
}

func hasValue(f protoreflect.FieldDescriptor, value string) bool {
	if f.Kind() == protoreflect.BoolKind {
		return value == "true"
	}
	return f.Enum() != nil && f.Enum().Values().ByName(protoreflect.Name(value)) != nil
}

func TestLinesSayWhereTheyFail(t *testing.T) {
	for text, want := range map[string]string{
		"package a.b\nM.f":                   "f.txt:2: want a field, a status and what explains it",
		"M.f translated x":                   "f.txt:1: M.f is no field of a message of a package",
		"package a.b\n\nM.f translated":      "f.txt:3: a translated field names its test",
		"package a.b\nM.f rejected MSH0101":  "f.txt:2: a rejected field has a code and a reason",
		"package a.b\nM.f n/a # for reasons": "f.txt:2: a field that does not apply has a reason",
		"package a.b\nM.f maybe so":          `f.txt:2: unknown status "maybe"`,
	} {
		if _, err := parse("f", text); err == nil || err.Error() != want {
			t.Errorf("parse(%q): %v, want %s", text, err, want)
		}
	}
	got, err := parse("f", "package a.b # all\nM.N.f=V rejected MSH0101 too  old (fix: use g (or h))\n")
	want := Line{File: "f", Message: "a.b.M.N", Field: "f", Value: "V", Status: Rejected, Code: "MSH0101", Reason: "too old", Fix: "use g (or h)"}
	if err != nil || len(got) != 1 || got[0].Key() != "a.b.M.N.f=V" || got[0].Fix != want.Fix || got[0].Reason != want.Reason || got[0].Code != want.Code {
		t.Errorf("parsed %+v, %v; want %+v", got, err, want)
	}
}

package xds

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/samples"
	"github.com/meshctl/meshctl/test/random"
)

// FuzzYAMLToXDS takes whatever YAML there is the whole way, as a running control plane does, and back to nothing: every resource keeps
// Envoy's rules for fields, names are unique, and a catalog that followed has what a fresh one has.
func FuzzYAMLToXDS(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
		for _, doc := range strings.Split(text, "\n---\n") {
			f.Add(doc)
		}
	}
	for seed := range uint64(12) { // of every kind
		f.Add(random.New(seed, 10).Batch(8))
	}
	f.Fuzz(func(t *testing.T, text string) {
		objects, _ := config.Decode("fuzz.yaml", strings.NewReader(text))
		snapshot := mesh.Build(config.Set{}, mesh.Options{})
		catalog := NewCatalog(snapshot)
		members := map[string]*Member{}
		for _, p := range clients() {
			members[p.ID] = catalog.Join(p)
		}
		for step, b := range []config.Batch{{Full: true, Upserts: objects}, {Full: true}} {
			var change mesh.Change
			snapshot, change = snapshot.Apply(b)
			catalog.Advance(snapshot, change)
			fresh := NewCatalog(snapshot)
			for _, p := range clients() {
				view := members[p.ID].View()
				compareViews(t, fmt.Sprintf("step %d, %s", step, p.ID), fresh.Join(p).View(), view)
				wellFormed(t, p.ID, view)
			}
		}
	})
}

// seeds are the samples and the inputs of the translator's golden tests.
func seeds(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, folder := range []fs.FS{samples.Demo(), samples.Bookinfo(), os.DirFS("../translate/testdata")} {
		err := fs.WalkDir(folder, ".", func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".yaml" {
				return err
			}
			text, err := fs.ReadFile(folder, path)
			out = append(out, string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// clients are one proxy of each kind, under the labels that the seeds select.
func clients() []mesh.Proxy {
	bindings := map[string]uint32{"http_proxy": 4000, "inbound|8080": 4001, "inbound|9080": 4002, "gateway|80": 4003, "gateway|8080": 4004, "gateway|443": 4005}
	labels := map[string]string{"app": "productpage", "version": "v1"}
	edge := map[string]string{"istio": "ingressgateway"}
	return []mesh.Proxy{
		{ID: "redirected", Name: "a", Namespace: "default", Labels: labels, Addresses: []string{"10.0.0.1"}},
		{ID: "explicit", Mode: mesh.Explicit, Name: "b", Namespace: "default", Labels: labels, Addresses: []string{"127.0.0.1"}, Bindings: bindings, AppPorts: map[uint32]uint32{9080: 9000}},
		{ID: "grpc", Type: mesh.Proxyless, Name: "c", Namespace: "default"},
		{ID: "gateway", Type: mesh.Router, Mode: mesh.Explicit, Name: "d", Namespace: "istio-system", Labels: edge, Bindings: bindings, Trusted: true},
		{ID: "gateway in a pod", Type: mesh.Router, Name: "e", Namespace: "istio-system", Labels: edge, Trusted: true},
	}
}

func wellFormed(t *testing.T, who string, view *View) {
	t.Helper()
	for _, url := range Types {
		names := map[string]bool{}
		for r := range view.Table(url).All() {
			if names[r.Name] {
				t.Errorf("%s: %s %s twice", who, url, r.Name)
			}
			names[r.Name] = true
			m, err := r.Any.UnmarshalNew()
			if err == nil {
				err = validate(m)
			}
			if err != nil {
				t.Errorf("%s: %s: %v", who, r.Name, err)
			}
		}
	}
}

// validate runs the generated rules of a message and of every message packed in it.
func validate(m proto.Message) error {
	check := func(m proto.Message) error {
		if v, ok := m.(interface{ ValidateAll() error }); ok {
			return v.ValidateAll()
		}
		return nil
	}
	if err := check(m); err != nil {
		return err
	}
	return protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
		if last := p.Index(-1); last.Step.Kind() == protopath.AnyExpandStep {
			return check(last.Value.Interface().(protoreflect.Message).Interface())
		}
		return nil
	})
}

package config_test

import (
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

const servedRoute = `{"metadata":{"name":"reviews","namespace":"shop","uid":"1","resourceVersion":"7",
 "managedFields":[{"manager":"kubectl","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{}}}],
 "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","kept":"yes"}},
 "spec":{"hosts":["reviews"],"fromTheFuture":true,"http":[{"route":[{"destination":{"host":"reviews"}}]}]},
 "status":{"conditions":[{"type":"Reconciled","status":"False"}]}}`

func TestServedObjectsHaveNoPlaceInAFile(t *testing.T) {
	r := config.Decoder{}.DecodeServed([]byte(servedRoute), "networking.istio.io/v1", "VirtualService")
	if len(r.Problems) > 0 || len(r.Objects) != 1 {
		t.Fatalf("%d objects, problems %v", len(r.Objects), r.Problems)
	}
	o := r.Objects[0]
	if want := (config.Key{Kind: config.VirtualService, Namespace: "shop", Name: "reviews"}); o.Key != want {
		t.Errorf("key %v", o.Key)
	}
	if o.Position() != (config.Position{}) || o.FieldPosition("spec.http[0]") != (config.Position{}) || o.Line(1) != "" {
		t.Errorf("it stands at %v, %v", o.Position(), o.FieldPosition("spec.http[0]"))
	}
	if len(o.Meta.Annotations) != 1 || o.Meta.ResourceVersion != "7" {
		t.Errorf("metadata %+v", o.Meta)
	}
}

func TestServedObjectsWithFaultsAreSalvaged(t *testing.T) {
	r := config.Decoder{}.DecodeServed([]byte(`{"metadata":{"name":"a","namespace":"b"},"spec":{"hosts":"x"}}`), "networking.istio.io/v1", "VirtualService")
	if len(r.Objects) != 0 || len(r.Salvaged) != 1 || len(r.Problems) != 1 || r.Problems[0].Field != "spec.hosts" || r.Problems[0].Position != (config.Position{}) {
		t.Errorf("%+v", r)
	}
	for _, junk := range []string{"", "[]", "{", "null", `"x"`, `{"metadata":null}`} {
		if r := (config.Decoder{}).DecodeServed([]byte(junk), "v1", "Secret"); len(r.Objects) != 0 || len(r.Problems) == 0 {
			t.Errorf("%q: %+v", junk, r)
		}
	}
}

func TestOverHidesWholeObjects(t *testing.T) {
	read := func(name, text string) config.Result { return config.Decoder{}.DecodeBytes(name, []byte(text)) }
	below := read("below", `
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80, bogus: 1}]}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: c}
spec: {ports: [{port: 80}]}
`)
	above := read("above", `
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {ports: [{port: 80, bogus: 1}]}
`)
	out := above.Over(below)
	got := map[string]string{}
	for _, o := range append(out.Objects, out.Salvaged...) {
		got[o.Key.Name] += o.Position().File
	}
	if len(got) != 3 || got["a"] != "above" || got["b"] != "above" || got["c"] != "below" {
		t.Errorf("objects %v", got)
	}
	if len(out.Problems) != 1 || out.Problems[0].Position.File != "above" || len(out.Broken) != 1 || out.Broken[0].Name != "b" {
		t.Errorf("problems %v, broken %v", out.Problems, out.Broken)
	}
}

func FuzzDecodeServed(f *testing.F) {
	f.Add([]byte(servedRoute))
	f.Add([]byte(`{"metadata":{"managedFields":[]},"kind":"List","apiVersion":"v1","items":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []config.Kind{config.VirtualService, config.Pod, config.Secret} {
			r := config.Decoder{}.DecodeServed(data, "v1", kind.Name)
			for _, p := range r.Problems {
				if p.Position != (config.Position{}) {
					t.Errorf("%v", p)
				}
			}
		}
	})
}

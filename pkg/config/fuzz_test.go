package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzDecode: no input panics, hangs or yields an object without a place; and what an object says of itself, decoded
// again, is the same object.
func FuzzDecode(f *testing.F) {
	inputs, err := filepath.Glob("testdata/decode/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range inputs {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, odd := range []string{`!!bool ""`, `!!int x`, `!!float ""`, `!!null x`, `!!binary "*"`, `!!merge x`, `!!map ""`, `!!seq {}`, `!odd x`, `{? {a: b} : c}`, `{? : c}`, `&a [*a]`, `-.inf`, `.nan`, `0x`, `1e999`, `-0`, `2001-01-01`, `"\0"`} {
		f.Add([]byte("apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: odd}\nspec: {priority: " + odd + ", configPatches: [{patch: {value: {a: " + odd + "}}}]}\n"))
		f.Add([]byte("apiVersion: v1\nkind: Pod\nmetadata: {name: odd, labels: {a: " + odd + "}}\nspec: {hostNetwork: " + odd + ", priority: " + odd + ", nodeSelector: " + odd + ", tolerations: " + odd + "}\n"))
		f.Add([]byte("apiVersion: " + odd + "\nkind: " + odd + "\nmetadata: " + odd + "\nitems: " + odd + "\n"))
	}
	f.Add([]byte(meshConfigMap))
	f.Add([]byte(positioned))
	limits := Limits{FileBytes: 1 << 20, AliasNodes: 1000}
	f.Fuzz(func(t *testing.T, data []byte) {
		const patience = 20 * time.Second
		hang := time.AfterFunc(patience, func() { panic(fmt.Sprintf("still busy after %s with %q", patience, data)) })
		defer hang.Stop()
		result := Decoder{Limits: limits}.DecodeBytes("f.yaml", data)
		for _, p := range result.Problems {
			if p.Position.File != "f.yaml" || p.Message == "" {
				t.Errorf("a problem without a place: %#v", p)
			}
			if strings.Contains(p.Error(), crashed) {
				t.Errorf("the decoder panicked: %s", p.Error())
			}
		}
		for _, o := range result.Objects {
			if at := o.Position(); at.Line < 1 || at.Column < 1 {
				t.Errorf("%s has no place", o)
			}
			for _, path := range []string{"metadata.name", "spec.hosts[0]", "spec.http[0].route[0].weight", "data[mesh]"} {
				if at := o.FieldPosition(path); at.Line < 1 || at.Column < 1 {
					t.Errorf("%s: %s has no place", o, path)
				}
			}
			_ = o.Line(o.Position().Line)
			DecodeMeshConfig(o)
			DecodeProxyConfigAnnotation(o)
			again(t, o, limits)
		}
	})
}

func again(t *testing.T, o *Object, limits Limits) {
	t.Helper()
	if o.Key.Kind == Secret {
		return
	}
	text, err := o.MarshalJSON()
	if err != nil {
		t.Fatalf("%s: %v", o, err)
	}
	second := Decoder{Limits: limits}.DecodeBytes("again.json", text)
	if len(second.Objects) != 1 {
		t.Fatalf("%s decodes again to %v %v: %s", o, second.Objects, second.Problems, text)
	}
	if second.Objects[0].Digest != o.Digest {
		t.Errorf("%s has another digest after a round trip: %s", o, text)
	}
}

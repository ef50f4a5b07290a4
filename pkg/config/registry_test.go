package config

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The smallest document of every kind decodes in every version it is served in, to the same object.
func TestEveryKindInEveryVersion(t *testing.T) {
	for _, list := range [][]*kindEntry{istioKinds(), kubernetesKinds(), gatewayKinds(), smiKinds()} {
		for _, e := range list {
			var digest Digest
			for _, version := range e.versions {
				apiVersion := strings.TrimPrefix(e.kind.Group+"/"+version, "/")
				o := one(t, fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: x}\n", apiVersion, e.kind.Name))
				if o.Key.Kind != e.kind || (o.Key.Namespace == "") != e.clusterScoped || o.APIVersion != apiVersion {
					t.Errorf("%s of %s became %v in %s", e.kind, apiVersion, o.Key, o.APIVersion)
				}
				switch o.Spec.(type) {
				case proto.Message, metav1.ObjectMetaAccessor:
				default:
					t.Errorf("%s: the spec is %T", e.kind, o.Spec)
				}
				if digest != (Digest{}) && digest != o.Digest {
					t.Errorf("%s: the digest depends on the version", e.kind)
				}
				digest = o.Digest
			}
		}
	}
}

func TestDefaultNamespace(t *testing.T) {
	d := Decoder{DefaultNamespace: "shop"}
	objects, problems := d.Decode("f", strings.NewReader("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n"))
	if len(problems) != 0 || objects[0].Key.Namespace != "shop" || objects[1].Key.Namespace != "" {
		t.Errorf("got %v, %v", objects, problems)
	}
	if got := objects[0].Spec.(metav1.ObjectMetaAccessor).GetObjectMeta().GetNamespace(); got != "shop" {
		t.Errorf("the Service itself is in %q", got)
	}
}

func TestDistinct(t *testing.T) {
	text := "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n"
	objects, _ := Decode("f", strings.NewReader(text+text))
	kept, problems := Distinct(objects)
	if len(kept) != 1 || kept[0] != objects[1] || len(problems) != 1 {
		t.Fatalf("got %v, %v", kept, problems)
	}
	const want = "f:1:1: Service/default/a: is defined twice; the one at f:5:1 counts (fix: remove one or rename it) [MSH0002]"
	if got := problems[0].Error(); got != want {
		t.Errorf("got %s", got)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"timeout", "retries", "match", "route", "redirect", "PathPrefix"}
	for word, want := range map[string]string{
		"timeuot": "timeout", "Timeout": "timeout", "time_out": "timeout", "routes": "route", "retrys": "retries", "matches": "match",
		"prefix": "PathPrefix", "x": "", "completely": "", "rdirect": "redirect", strings.Repeat("a", 1000): "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("%.20s: got %q, want %q", word, got, want)
		}
	}
}

package config

import (
	"strings"
	"testing"
)

// The conditions of an istio.io object are kept, whatever else its status says, and make no difference to its digest.
func TestConditions(t *testing.T) {
	const text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {}\n"
	plain := one(t, text)
	o := one(t, text+"status: {observedGeneration: '3', other: [x], conditions: [{type: WaypointAccepted, status: 'False', reason: Missing, message: no waypoint, observedGeneration: '3', lastTransitionTime: never}]}\n")
	if len(o.Conditions) != 1 || o.Conditions[0] != (Condition{"WaypointAccepted", "False", "Missing", "no waypoint", "3"}) {
		t.Errorf("got %v", o.Conditions)
	}
	if o.Digest != plain.Digest {
		t.Error("the status is part of the digest")
	}
	if o := one(t, text+"status: {conditions: none}\n"); len(o.Conditions) != 0 {
		t.Errorf("got %v", o.Conditions)
	}
}

// Of a CustomResourceDefinition little is read, and nothing about it is a problem of the mesh.
func TestDefinitionsPass(t *testing.T) {
	const name = "tcproutes.gateway.networking.k8s.io"
	for _, text := range []string{
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: " + name + "}\nspec: {group: gateway.networking.k8s.io, names: 3, versions: [{name: v1, served: maybe, schema: {a: b}}]}\nmore: x\n",
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: " + name + "}\nspec: nonsense\n",
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {}\n",
		"apiVersion: apiextensions.k8s.io/v1beta1\nkind: CustomResourceDefinition\nmetadata: {name: " + name + "}\n",
		"apiVersion: apiextensions.k8s.io/v1\nkind: ConversionReview\n",
	} {
		objects, problems := Decode("f", strings.NewReader(text))
		if len(problems) != 0 {
			t.Errorf("%s: got %v", text, problems)
		}
		for _, o := range objects {
			if o.Key != (Key{Kind: CustomResourceDefinition, Name: name}) {
				t.Errorf("got %v", o.Key)
			}
		}
	}
	o := one(t, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: "+name+"}\nspec: {versions: [{name: v1}, {name: v1beta1}]}\n")
	if versions := o.Spec.(*Definition).Spec.Versions; len(versions) != 2 || versions[1].Name != "v1beta1" {
		t.Errorf("got %v", versions)
	}
}

package config

import "strings"

// derivedMark is in no name that Kubernetes takes.
const derivedMark = "~"

// Derive names an object of another kind that stands for this one: a VirtualService made of an HTTPRoute. parts tell several of
// one kind apart. Nobody can write an object of such a name.
func (k Key) Derive(kind Kind, parts ...string) Key {
	return Key{Kind: kind, Namespace: k.Namespace, Name: strings.Join(append([]string{k.Kind.String(), k.Name}, parts...), derivedMark)}
}

// Derived reports whether the key names an object that was made of another one.
func (k Key) Derived() bool { return strings.Contains(k.Name, derivedMark) }

// Origin returns the key of the object that people wrote: the one that a derived object was made of, else k itself.
func (k Key) Origin() Key {
	parts := strings.SplitN(k.Name, derivedMark, 3)
	if len(parts) < 2 {
		return k
	}
	name, group, _ := strings.Cut(parts[0], ".")
	return Key{Kind: Kind{Group: group, Name: name}, Namespace: k.Namespace, Name: parts[1]}
}

// Derive returns an object of another kind that stands for o, see Key.Derive. It is as old as o and stands in the same place.
// annotations are notes for its reader: nobody can write them.
func (o *Object) Derive(kind Kind, spec any, annotations map[string]string, parts ...string) *Object {
	return New(Object{
		Key: o.Key.Derive(kind, parts...), APIVersion: o.APIVersion, Spec: spec, source: o.source,
		Meta: Meta{Created: o.Meta.Created, Annotations: annotations},
	})
}

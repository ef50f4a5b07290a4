package config

import "strings"

// Kind names a kind of object across all served versions of its API group, as Kubernetes spells it:
// {"networking.istio.io", "VirtualService"}, {"", "Service"}. Versions of one kind are the same kind here.
type Kind struct {
	Group, Name string
}

// String returns "Name" for the core group and "Name.group" otherwise, as kubectl accepts it.
func (k Kind) String() string {
	if k.Group == "" {
		return k.Name
	}
	return k.Name + "." + k.Group
}

// Key identifies an object. Cluster-scoped objects have an empty Namespace.
type Key struct {
	Kind            Kind
	Namespace, Name string
}

// String returns "Kind/namespace/name", or "Kind/name" for a cluster-scoped object.
func (k Key) String() string {
	if k.Namespace == "" {
		return k.Kind.Name + "/" + k.Name
	}
	return k.Kind.Name + "/" + k.Namespace + "/" + k.Name
}

// Compare orders keys by kind, namespace and name.
func (k Key) Compare(o Key) int {
	for _, c := range [...]int{
		strings.Compare(k.Kind.Name, o.Kind.Name), strings.Compare(k.Kind.Group, o.Kind.Group),
		strings.Compare(k.Namespace, o.Namespace), strings.Compare(k.Name, o.Name),
	} {
		if c != 0 {
			return c
		}
	}
	return 0
}

package config

import (
	"reflect"
	"sync"

	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kindEntry is what the decoder knows about one kind.
type kindEntry struct {
	kind Kind
	// versions are the served ones, the preferred first.
	versions []string
	// clusterScoped kinds have no namespace.
	clusterScoped bool
	// statusMatters is set where the status configures the mesh: a pod's address is there.
	statusMatters bool
	// passing kinds belong to somebody else: the little that is read of them is, and nothing is ever wrong with them.
	passing bool
	// newSpec returns an empty Object.Spec: a proto.Message, or a pointer to a whole Kubernetes object.
	newSpec func() any
	// finish brings a decoded whole object into its one form; nil for most.
	finish func(object any)
	// schema returns the schema of a whole document; compiled when first asked for.
	schema func() *schema
}

// registry is every kind the decoder knows, by kind and by group.
type registry struct {
	kinds  map[Kind]*kindEntry
	groups map[string][]*kindEntry
}

// knownKinds builds the registry once; nothing changes it afterwards.
var knownKinds = sync.OnceValue(func() *registry {
	r := &registry{kinds: map[Kind]*kindEntry{}, groups: map[string][]*kindEntry{}}
	for _, list := range [][]*kindEntry{istioKinds(), kubernetesKinds(), gatewayKinds(), smiKinds()} {
		for _, e := range list {
			e.schema = sync.OnceValue(e.compile)
			r.kinds[e.kind] = e
			if !e.passing {
				r.groups[e.kind.Group] = append(r.groups[e.kind.Group], e)
			}
		}
	}
	return r
})

// compile builds the schema of a whole document: apiVersion, kind, metadata, then spec or the object's own fields.
func (e *kindEntry) compile() *schema {
	structs := newStructCompiler()
	message, ok := e.newSpec().(proto.Message)
	if ok {
		root := &schema{kind: objectValue}
		root.addField(&field{name: "apiVersion", schema: &schema{kind: stringValue}})
		root.addField(&field{name: "kind", schema: &schema{kind: stringValue}})
		root.addField(&field{name: "metadata", schema: structs.compile(reflect.TypeFor[metav1.ObjectMeta]())})
		root.addField(&field{name: "spec", schema: protoCompiler{}.message(message.ProtoReflect().Descriptor())})
		root.addField(&field{name: "status", schema: &schema{kind: anyValue}, lenient: true})
		return root.seal()
	}
	root := structs.compile(reflect.TypeOf(e.newSpec()))
	if status := root.fields["status"]; status != nil {
		status.lenient = true
	}
	return root
}

// preferred returns the apiVersion to write for the kind.
func (e *kindEntry) preferred() string {
	if e.kind.Group == "" {
		return e.versions[0]
	}
	return e.kind.Group + "/" + e.versions[0]
}

func specOf[T any]() func() any { return func() any { return new(T) } }

package config

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// New completes an object that was not decoded from a file: it returns a copy of o with its Digest. Spec must not change
// afterwards.
func New(o Object) *Object {
	o.Digest = digest(&o)
	return &o
}

// digest hashes what can influence configuration. The resource version, the generation, and a status that no part of a
// mesh reads, are not among it: they change all the time.
func digest(o *Object) Digest {
	h := xxh3.New()
	text := func(s string) {
		var size [8]byte
		binary.LittleEndian.PutUint64(size[:], uint64(len(s)))
		_, _ = h.Write(size[:])
		_, _ = h.WriteString(s)
	}
	for _, s := range [...]string{o.Key.Kind.Group, o.Key.Kind.Name, o.Key.Namespace, o.Key.Name} {
		text(s)
	}
	for _, m := range [...]map[string]string{o.Meta.Labels, o.Meta.Annotations} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			text(k)
			text(m[k])
		}
		text("")
	}
	if !o.Meta.Created.IsZero() {
		text(o.Meta.Created.UTC().String())
	}
	text(string(contentBytes(o)))
	sum := h.Sum128()
	return sum.Bytes()
}

// contentBytes is the spec in a canonical form, for hashing only.
func contentBytes(o *Object) []byte {
	if message, ok := o.Spec.(proto.Message); ok {
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			return []byte(err.Error())
		}
		return data
	}
	data, err := json.Marshal(configuring(o.Key.Kind, o.Spec))
	if err != nil {
		return []byte(err.Error())
	}
	return data
}

// configuring returns a shallow copy of a Kubernetes object without what its Meta already says and what only reports.
func configuring(kind Kind, spec any) any {
	accessor, ok := spec.(metav1.ObjectMetaAccessor)
	if !ok || reflect.TypeOf(spec).Kind() != reflect.Pointer {
		return spec
	}
	clone := reflect.New(reflect.TypeOf(spec).Elem())
	clone.Elem().Set(reflect.ValueOf(spec).Elem())
	meta := accessor.GetObjectMeta()
	reduced := metav1.ObjectMeta{OwnerReferences: meta.GetOwnerReferences(), DeletionTimestamp: meta.GetDeletionTimestamp()}
	if f := clone.Elem().FieldByName("ObjectMeta"); f.IsValid() {
		f.Set(reflect.ValueOf(reduced))
	}
	if f := clone.Elem().FieldByName("TypeMeta"); f.IsValid() {
		f.SetZero()
	}
	if e := knownKinds().kinds[kind]; e != nil && !e.statusMatters {
		if f := clone.Elem().FieldByName("Status"); f.IsValid() {
			f.SetZero()
		}
	}
	return clone.Interface()
}

package config

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Versions returns the versions of a kind that the decoder reads, the preferred one first; nil for a kind that it does not know.
func Versions(kind Kind) []string {
	if e := knownKinds().kinds[kind]; e != nil {
		return slices.Clone(e.versions)
	}
	return nil
}

// DecodeServed reads one object in JSON as an API server gives it out; apiVersion and kind are those of the object, or of the list that
// it is an item of. It has no place in a file: all positions are zero, and the text is not kept. Fields that the decoder does not
// know are left out without a word: the server knows them, it is the newer one.
func (d Decoder) DecodeServed(data []byte, apiVersion, kind string) (out Result) {
	if d.DefaultNamespace == "" {
		d.DefaultNamespace = "default"
	}
	d.Limits = d.Limits.withDefaults()
	doc := &document{data: data, line: 1, column: 1, isJSON: true, served: true, depth: d.Limits.Depth}
	defer func() {
		if recover() != nil { // as for documents: one object must not take the others along
			out = Result{}
			out.fail(Problem{Object: Key{Kind: Kind{Name: kind}}, Code: codes.Unreadable, Message: crashed})
		}
		withCode(out.Problems, codes.SchemaError)
	}()
	root, failed := doc.parse()
	switch {
	case failed != nil:
		out.fail(Problem{Object: Key{Kind: Kind{Name: kind}}, Code: codes.Unreadable, Message: failed.message})
	case root.Kind != yaml.MappingNode:
		out.fail(Problem{Object: Key{Kind: Kind{Name: kind}}, Code: codes.Unreadable, Message: "must be an object with apiVersion and kind"})
	default:
		root = withHead(root, head{apiVersion: apiVersion, kind: kind})
		drop(child(root, "metadata"), "managedFields")
		d.root(&out, doc, doc, root)
	}
	return out
}

// drop removes a key of a mapping, if it is there.
func drop(n *yaml.Node, key string) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			return
		}
	}
}

// Over lays r over what is below it: of an object that r has, in whatever state, nothing of below is left.
func (r Result) Over(below Result) Result {
	has := map[Key]bool{}
	for _, list := range [][]*Object{r.Objects, r.Salvaged} {
		for _, o := range list {
			has[o.Key] = true
		}
	}
	for _, key := range r.Broken {
		has[key] = true
	}
	hidden := func(o *Object) bool { return has[o.Key] }
	out := Result{
		Objects: without(below.Objects, hidden), Salvaged: without(below.Salvaged, hidden),
		Broken:   without(below.Broken, func(k Key) bool { return has[k] }),
		Problems: without(below.Problems, func(p Problem) bool { return has[p.Object] }),
		Foreign:  slices.Clone(below.Foreign), Unidentified: below.Unidentified,
	}
	out.Add(r)
	return out
}

func without[T any](list []T, drop func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), drop)
}

package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// crashed is said of a document that made the decoder fail.
const crashed = "cannot be decoded: the decoder failed on it, please report this document"

// document decodes one document: an object, or a list of them.
func (d Decoder) document(doc *document) (out Result) {
	defer func() {
		if recover() != nil { // one document must not take a control plane along; the fuzzer looks for this message
			out = Result{}
			out.fail(Problem{Position: doc.position(1, 1), Code: codes.Unreadable, Message: crashed})
		}
	}()
	doc.depth = d.Limits.Depth
	if len(doc.data) > d.Limits.DocumentBytes {
		out.fail(Problem{Position: doc.position(1, 1), Code: codes.Unreadable, Message: fmt.Sprintf("a document larger than %d bytes", d.Limits.DocumentBytes)})
		return out
	}
	root, failed := doc.parse()
	switch {
	case failed != nil:
		d.unreadable(&out, doc, failed)
	case root == nil:
	case resolve(root).Kind != yaml.MappingNode:
		out.fail(Problem{Position: doc.position(root.Line, root.Column), Message: "must be a mapping with apiVersion and kind"})
	default:
		d.root(&out, doc, doc, resolve(root))
	}
	if len(out.Problems) > 0 && len(out.Objects)+len(out.Salvaged) == 0 {
		excerpts(out.Problems, doc)
	}
	slices.SortStableFunc(out.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column))
	})
	return out
}

// unreadable reports a syntax error under the name that the document seems to have, unless it seems foreign.
func (d Decoder) unreadable(out *Result, doc *document, failed *syntaxError) {
	h := sniffHead(doc.data)
	p := Problem{Position: doc.position(failed.line, failed.column), Code: codes.Unreadable, Message: failed.message, Fix: failed.fix}
	v := knownKinds().lookup(h.apiVersion, h.kind)
	if (v.entry == nil && v.complaint == "" || v.entry != nil && v.entry.passing) && h.apiVersion != "" && h.kind != "" {
		p.Message += " (of no concern to the mesh, though)"
		out.Problems = append(out.Problems, p)
		return
	}
	if v.entry != nil && h.name != "" {
		p.Object = d.key(v.entry, h)
	}
	out.fail(p)
}

func (d Decoder) key(e *kindEntry, h head) Key {
	key := Key{Kind: e.kind, Name: h.name}
	if !e.clusterScoped {
		key.Namespace = h.namespace
		if key.Namespace == "" {
			key.Namespace = d.DefaultNamespace
		}
	}
	return key
}

// root decodes an object or a list whose mapping is n, parsed from doc; source is what the object keeps of it.
func (d Decoder) root(out *Result, doc, source *document, n *yaml.Node) {
	h := readHead(n)
	if items := listItems(n, h); items != nil {
		d.list(out, doc, n, h, items)
		return
	}
	source.start = doc.position(n.Line, n.Column)
	at := func(node *yaml.Node, otherwise *yaml.Node) Position {
		if node == nil {
			node = otherwise
		}
		return doc.position(node.Line, node.Column)
	}
	switch {
	case h.apiVersion == "" && h.kind == "":
		// Probably a chart's values or another program's file; but it may be one of ours that was just broken.
		out.Unidentified = true
		out.Problems = append(out.Problems, Problem{
			Position: source.start, Severity: Warning, Message: "has neither apiVersion nor kind: not a Kubernetes object, left out",
		})
		return
	case h.apiVersion == "":
		fix := ""
		if owner := knownKinds().owner(h.kind); owner != nil {
			fix = owner.preferred()
		}
		out.fail(Problem{Position: at(h.apiVersionNode, n), Field: "apiVersion", Message: "missing", Fix: fix})
		return
	case h.kind == "":
		out.fail(Problem{Position: at(h.kindNode, n), Field: "kind", Message: "missing"})
		return
	}
	v := knownKinds().lookup(h.apiVersion, h.kind)
	switch {
	case v.complaint != "":
		node := h.apiVersionNode
		if v.at == "kind" {
			node = h.kindNode
		}
		p := Problem{Position: at(node, n), Field: v.at, Code: codes.UnknownKind, Message: v.complaint, Fix: v.fix}
		group, _ := splitAPIVersion(h.apiVersion)
		if e := knownKinds().kinds[Kind{group, h.kind}]; e != nil {
			p.Object = d.key(e, h)
		}
		out.fail(p)
	case v.entry == nil:
		out.Foreign = append(out.Foreign, Foreign{Position: source.start, APIVersion: h.apiVersion, Kind: h.kind, Namespace: h.namespace, Name: h.name})
	default:
		d.object(out, doc, source, n, h, v.entry)
	}
}

// object checks an object of a known kind and converts it.
func (d Decoder) object(out *Result, doc, source *document, n *yaml.Node, h head, e *kindEntry) {
	source.secret = e.kind == Secret
	w := &walker{limits: d.Limits, object: d.key(e, h), secret: source.secret, served: source.served, expanded: &doc.expanded}
	w.at = func(n *yaml.Node) Position { return doc.position(n.Line, n.Column) }
	if e.passing {
		w.silent++
	}
	w.identity(n, h, e)
	root := *n
	root.Anchor = ""
	w.value(&root, e.schema())
	broken := w.failed()
	object := Object{Key: w.object, APIVersion: h.apiVersion, source: source}
	if source.served {
		object.source = nil
	}
	o, err := e.convert(w.out, object)
	switch {
	case e.passing && (err != nil || o.Key.Name == ""): // somebody else's mistake
	case err == nil && !broken:
		source.own()
		out.Objects = append(out.Objects, o)
	case err == nil && o.Key.Name != "":
		source.own()
		out.Salvaged = append(out.Salvaged, o)
	case !broken:
		message := "cannot be converted"
		if !source.secret {
			message += ": " + err.Error()
		}
		w.problem(n, Error, message, "")
	}
	out.Problems = append(out.Problems, w.problems...)
	if w.failed() {
		out.lose(w.object)
	}
}

// identity checks the names, which make the key.
func (w *walker) identity(n *yaml.Node, h head, e *kindEntry) {
	place := func(nodes ...*yaml.Node) *yaml.Node {
		for _, node := range nodes {
			if node != nil {
				return node
			}
		}
		return n
	}
	w.path = []step{{name: "metadata"}, {name: "name"}}
	switch {
	case h.nameNode != nil && resolve(h.nameNode).Kind != yaml.ScalarNode: // its type is wrong, which is said below
	case h.name == "" && h.generateName != "":
		w.problem(place(h.metadata), Error, "generateName makes a new object each time", "give it a name")
	case h.name == "":
		w.problem(place(h.nameNode, h.metadata), Error, "missing", "give it a name")
	default:
		if message := nameProblem(h.name, true); message != "" {
			w.problem(h.nameNode, Error, message, "")
		}
	}
	w.path[1].name = "namespace"
	switch {
	case h.namespace == "":
	case e.clusterScoped:
		w.problem(h.namespaceNode, Warning, e.kind.Name+" belongs to no namespace: ignored", "remove it")
	default:
		if message := nameProblem(h.namespace, false); message != "" {
			w.problem(h.namespaceNode, Error, message, "")
		}
	}
	w.path = nil
}

// convert turns checked JSON into the object.
func (e *kindEntry) convert(data []byte, o Object) (*Object, error) {
	spec := e.newSpec()
	var meta *metav1.ObjectMeta
	if message, ok := spec.(proto.Message); ok {
		var whole struct {
			Metadata metav1.ObjectMeta `json:"metadata"`
			Spec     json.RawMessage   `json:"spec"`
			Status   json.RawMessage   `json:"status"`
		}
		if err := json.Unmarshal(data, &whole); err != nil {
			return nil, err
		}
		if whole.Spec != nil {
			if err := protojson.Unmarshal(whole.Spec, message); err != nil {
				return nil, err
			}
		}
		meta, o.Conditions = &whole.Metadata, conditionsOf(whole.Status)
	} else {
		if err := json.Unmarshal(data, spec); err != nil {
			return nil, err
		}
		meta = spec.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta)
		meta.Namespace = o.Key.Namespace
		meta.ManagedFields = nil
		if e.finish != nil {
			e.finish(spec)
		}
	}
	// kubectl's copy of the whole object: of no use here, and in a Secret one more copy of the secret.
	delete(meta.Annotations, "kubectl.kubernetes.io/last-applied-configuration")
	o.Meta = Meta{
		Labels: meta.Labels, Annotations: meta.Annotations, Created: meta.CreationTimestamp.Time,
		ResourceVersion: meta.ResourceVersion, Generation: meta.Generation,
	}
	o.Spec = spec
	return New(o), nil
}

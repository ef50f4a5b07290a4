package config

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// head is what a document says about itself before its kind is known.
type head struct {
	apiVersion, kind, name, namespace, generateName string
	apiVersionNode, kindNode, metadata, nameNode    *yaml.Node
	namespaceNode                                   *yaml.Node
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n = resolve(n); n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if resolve(n.Content[i]).Value == key {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

func scalarText(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n = resolve(n); n.Kind == yaml.ScalarNode && !isNull(n) {
		return n.Value
	}
	return ""
}

func readHead(root *yaml.Node) head {
	h := head{apiVersionNode: child(root, "apiVersion"), kindNode: child(root, "kind"), metadata: child(root, "metadata")}
	h.apiVersion, h.kind = scalarText(h.apiVersionNode), scalarText(h.kindNode)
	if h.metadata != nil {
		h.nameNode, h.namespaceNode = child(h.metadata, "name"), child(h.metadata, "namespace")
		h.name, h.namespace = scalarText(h.nameNode), scalarText(h.namespaceNode)
		h.generateName = scalarText(child(h.metadata, "generateName"))
	}
	return h
}

// sniffHead reads the identity of a document that does not parse, from its unindented lines and those under metadata.
// It is a guess, good enough to say whose last good version stays in use.
func sniffHead(data []byte) head {
	var h head
	section, metaIndent := "", 0
	for line := range bytes.Lines(data) {
		text := strings.TrimRight(string(line[:min(len(line), 400)]), " \t\r\n")
		key, value, found := strings.Cut(text, ":")
		value, _, _ = strings.Cut(value, " #")
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		trimmed := strings.TrimLeft(key, " ")
		if !found || trimmed == "" {
			continue
		}
		if trimmed == key {
			section = key
		}
		indent := len(key) - len(trimmed)
		if section == "metadata" && metaIndent == 0 {
			metaIndent = indent
		}
		switch {
		case key == "apiVersion":
			h.apiVersion = value
		case key == "kind":
			h.kind = value
		case key == "metadata" && strings.HasPrefix(value, "{"):
			h.name, h.namespace = flowField(value, "name"), flowField(value, "namespace")
		case section == "metadata" && indent == metaIndent && trimmed == "name":
			h.name = value
		case section == "metadata" && indent == metaIndent && trimmed == "namespace":
			h.namespace = value
		}
	}
	return h
}

// flowField finds a field of a flow mapping written on one line: {name: a, namespace: b}.
func flowField(text, name string) string {
	for part := range strings.SplitSeq(strings.Trim(text, "{} "), ",") {
		if key, value, found := strings.Cut(part, ":"); found && strings.TrimSpace(key) == name {
			return strings.Trim(strings.TrimSpace(value), `"'}{`)
		}
	}
	return ""
}

// nameProblem says what is wrong with the name of an object, or "": Kubernetes wants the name of a DNS domain.
// See https://kubernetes.io/docs/concepts/overview/working-with-objects/names/.
func nameProblem(name string, dots bool) string {
	most := 63
	if dots {
		most = 253
	}
	if len(name) > most {
		return "is longer than what Kubernetes allows"
	}
	labels := []string{name}
	if dots {
		labels = strings.Split(name, ".")
	}
	for _, label := range labels {
		for i := range len(label) {
			c := label[i]
			inside := i > 0 && i < len(label)-1
			if good := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && inside; !good {
				return "must be lower-case letters, digits and dashes, like a DNS name"
			}
		}
		if label == "" {
			return "must be lower-case letters, digits and dashes, like a DNS name"
		}
	}
	return ""
}

package proxyconfig

import (
	"slices"
	"strings"
)

// Origin is the object that a resource was made from, as its metadata says.
type Origin struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// originOf reads metadata.filter_metadata: {"meshctl": {"from": "Kind/namespace/name"}} as this mesh stamps it (several
// are separated by commas), or {"istio": {"config": "/apis/GROUP/VERSION/namespaces/NS/KIND/NAME"}} as istiod does.
func originOf(body Tree) []Origin {
	var out []Origin
	for from := range strings.SplitSeq(text(body, "metadata", "filter_metadata", "meshctl", "from"), ",") {
		if o, ok := parseFrom(from); ok {
			out = append(out, o)
		}
	}
	if out != nil {
		return out
	}
	if o, ok := parseIstio(text(body, "metadata", "filter_metadata", "istio", "config")); ok {
		return []Origin{o}
	}
	return nil
}

func parseFrom(s string) (Origin, bool) {
	switch p := strings.Split(s, "/"); len(p) {
	case 2:
		return Origin{Kind: p[0], Name: p[1]}, true
	case 3:
		return Origin{Kind: p[0], Namespace: p[1], Name: p[2]}, true
	default:
		return Origin{}, false
	}
}

func parseIstio(s string) (Origin, bool) {
	p := strings.Split(s, "/")
	if len(p) != 8 || p[1] != "apis" || p[4] != "namespaces" {
		return Origin{}, false
	}
	kind := ""
	for _, word := range strings.Split(p[6], "-") {
		if word != "" {
			kind += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return Origin{Kind: kind, Namespace: p[5], Name: p[7]}, true
}

// labels writes the origins of the given kinds as istioctl does, "name.namespace"; kinds other than the first, which is
// the usual one of the column, are named.
func labels(origins []Origin, kinds ...string) string {
	var out []string
	for _, o := range origins {
		i := slices.Index(kinds, o.Kind)
		if i < 0 {
			continue
		}
		label := o.Name
		if o.Namespace != "" {
			label += "." + o.Namespace
		}
		if i > 0 {
			label = o.Kind + "/" + label
		}
		out = append(out, label)
	}
	return strings.Join(out, ", ")
}

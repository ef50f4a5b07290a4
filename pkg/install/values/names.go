package values

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
)

// validNames refuses names that the cluster would refuse in the middle of an installation.
func (b *builder) validNames(v Values) {
	check := func(what, name string, rules func(string) []string) {
		for _, fault := range rules(name) {
			b.problems = append(b.problems, fmt.Errorf("%s %q: %s", what, name, fault))
		}
	}
	check("namespace", v.Namespace, validation.IsDNS1123Label)
	if v.Revision != "" {
		check("revision", v.Revision, validation.IsDNS1123Label)
	}
	tags, _ := b.tree["revisionTags"].([]any)
	for _, t := range tags {
		name, _ := t.(string)
		check("revisionTags", name, validation.IsDNS1123Label)
		if name == v.Revision || name == "default" && v.Revision == "" {
			b.problems = append(b.problems, fmt.Errorf("revisionTags: %q is the revision's own name", name))
		}
	}
	for _, g := range b.gateways {
		if g.enabled {
			check("the name of a gateway", g.name, validation.IsDNS1035Label)
		}
	}
}

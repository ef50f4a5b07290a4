package proxyconfig

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"
)

// Unified writes differences as people read them: a unified diff of the two resources as YAML, with what is meant as the
// old side. wantName and haveName say what is compared, e.g. "control plane" and "envoy".
func Unified(differences []Difference, wantName, haveName string) (string, error) {
	var b strings.Builder
	for _, d := range differences {
		fmt.Fprintf(&b, "%s %s: %s\n", d.Type, d.Name, d.Kind)
		if d.Message != "" {
			fmt.Fprintf(&b, "  %s\n", d.Message)
		}
		body, err := unifiedBody(d, wantName, haveName)
		if err != nil {
			return "", err
		}
		b.WriteString(body)
	}
	return b.String(), nil
}

func unifiedBody(d Difference, wantName, haveName string) (string, error) {
	if d.Kind == Pending || d.Kind == Leaving {
		return "", nil
	}
	want, err := asYAML(d.want)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", d.Type, d.Name, err)
	}
	have, err := asYAML(d.have)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", d.Type, d.Name, err)
	}
	text := diff.Diff(wantName, want, haveName, have)
	// The first line repeats the names in the form of a command.
	if _, rest, ok := bytes.Cut(text, []byte("\n")); ok {
		text = rest
	}
	return string(text), nil
}

// asYAML writes nothing for a side that is not there.
func asYAML(v any) ([]byte, error) {
	if t, ok := v.(Tree); !ok || t == nil {
		return nil, nil
	}
	return yaml.Marshal(v)
}

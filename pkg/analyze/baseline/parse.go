package baseline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/config"
)

// Parse reads a baseline. Errors are all there are, each with its line; file stands for the name.
func Parse(file string, data []byte) ([]Entry, error) {
	p := parser{file: file}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root, more yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s: not valid YAML: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if decoder.Decode(&more) == nil {
		p.fail(&more, "a baseline is one document")
	}
	list := root.Content[0]
	switch {
	case list.Kind == yaml.ScalarNode && list.Tag == "!!null":
	case list.Kind != yaml.SequenceNode:
		p.fail(list, "a baseline is a list of entries with code, kind, object and reason")
	default:
		for _, item := range list.Content {
			p.entry(item)
		}
	}
	return p.entries, errors.Join(p.errs...)
}

type parser struct {
	file    string
	entries []Entry
	errs    []error
}

func (p *parser) fail(at *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d:%d: %s", p.file, at.Line, at.Column, fmt.Sprintf(format, args...)))
}

func names() []string {
	return []string{"code", "kind", "object", "field", "message", "reason", "expires"}
}

func (p *parser) entry(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, "must be a mapping with code, kind, object and reason")
		return
	}
	e := Entry{Line: n.Line}
	fields := map[string]*string{
		"code": &e.Code, "kind": &e.Kind, "object": &e.Object, "field": &e.Field, "message": &e.Message, "reason": &e.Reason, "expires": &e.Expires,
	}
	before := len(p.errs)
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field, known := fields[key.Value]
		switch {
		case !known:
			hint := ""
			if near := config.Nearest(key.Value, names()); near != "" {
				hint = ": did you mean " + near + "?"
			}
			p.fail(key, "unknown field %q%s", key.Value, hint)
		case seen[key.Value]:
			p.fail(key, "%s is given twice", key.Value)
		case value.Kind != yaml.ScalarNode:
			p.fail(value, "%s must be text", key.Value)
		case value.Tag != "!!null":
			*field = value.Value
			p.check(value, key.Value)
		}
		seen[key.Value] = true
	}
	for _, name := range []string{"code", "kind", "object", "reason"} {
		if strings.TrimSpace(*fields[name]) == "" && len(p.errs) == before {
			p.fail(n, "%s is missing", name)
		}
	}
	p.entries = append(p.entries, e)
}

var messageHash = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{16}$`) })

func (p *parser) check(value *yaml.Node, name string) {
	switch name {
	case "code", "kind", "object":
		if err := validPattern(value.Value); err != nil {
			p.fail(value, "%s: %q is no pattern", name, value.Value)
		}
	case "message":
		if !messageHash().MatchString(value.Value) {
			p.fail(value, "message: write the 16 digits that --write-baseline writes, or leave it out")
		}
	case "expires":
		if _, err := time.Parse(time.DateOnly, value.Value); err != nil {
			p.fail(value, "expires: write a day such as 2027-01-31")
		}
	}
}

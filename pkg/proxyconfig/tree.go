package proxyconfig

import (
	"encoding/json"
	"strconv"
)

// The functions of this file read a tree by a path of field names. What is missing, or of another type than asked
// for, is the zero value: a dump may come from any version of Envoy.

func at(t Tree, path ...string) any {
	var v any = t
	for _, p := range path {
		m, ok := v.(Tree)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func text(t Tree, path ...string) string {
	s, _ := at(t, path...).(string)
	return s
}

func object(t Tree, path ...string) Tree {
	m, _ := at(t, path...).(Tree)
	return m
}

// objects returns the elements of a list that are objects.
func objects(t Tree, path ...string) []Tree {
	list, _ := at(t, path...).([]any)
	out := make([]Tree, 0, len(list))
	for _, v := range list {
		if m, ok := v.(Tree); ok {
			out = append(out, m)
		}
	}
	return out
}

// texts returns the elements of a list that are strings.
func texts(t Tree, path ...string) []string {
	list, _ := at(t, path...).([]any)
	out := make([]string, 0, len(list))
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// number accepts the JSON forms of 32 and 64 bit integers.
func number(t Tree, path ...string) int {
	var s string
	switch v := at(t, path...).(type) {
	case json.Number:
		s = v.String()
	case string:
		s = v
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func truth(t Tree, path ...string) bool {
	b, _ := at(t, path...).(bool)
	return b
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// walk visits every object below v, parents first.
func walk(v any, visit func(Tree)) {
	switch v := v.(type) {
	case Tree:
		visit(v)
		for _, child := range v {
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

package kube

import (
	"bytes"
	"strings"
	"testing"
)

func TestReadList(t *testing.T) {
	for text, want := range map[string]string{
		`{"items":[{"a":1},{"b":[2]}],"metadata":{"continue":"next"}}`: `{"a":1} {"b":[2]} next`,
		`{"metadata":{},"items":null}`:                                 "",
		`{"metadata":{"continue":""},"items":[],"more":{"x":[1]}}`:     "",
	} {
		var got []string
		token, err := readList(strings.NewReader(text), func(item []byte) { got = append(got, string(item)) })
		if all := strings.TrimSpace(strings.Join(append(got, token.token), " ")); err != nil || all != want {
			t.Errorf("%s: %q, %v", text, all, err)
		}
	}
	for _, text := range []string{"", "[]", "{", `{"items":{}}`, `{"items":[1,`, `{"metadata":{}}`, `{"items":[]`} {
		if _, err := readList(strings.NewReader(text), func([]byte) {}); err == nil {
			t.Errorf("%q is taken for a list", text)
		}
	}
}

func FuzzReadList(f *testing.F) {
	f.Add([]byte(`{"items":[{"a":1}],"metadata":{"continue":"next"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = readList(bytes.NewReader(data), func(item []byte) {
			if len(item) == 0 {
				t.Error("an item of nothing")
			}
		})
	})
}

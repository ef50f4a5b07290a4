package bootstrap

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	const doc = `{"a": {"b": 1, "c": [1]}, "any": {"@type": "x", "v": 1}, "kept": true}`
	for name, c := range map[string]struct {
		patches []Patch
		want    string
	}{
		"none":     {nil, doc},
		"objects":  {[]Patch{{Value: object{"a": object{"d": 2.0}}}}, `{"a": {"b": 1, "c": [1], "d": 2}, "any": {"@type": "x", "v": 1}, "kept": true}`},
		"lists":    {[]Patch{{Value: object{"a": object{"c": []any{2.0}}}}}, `{"a": {"b": 1, "c": [1, 2]}, "any": {"@type": "x", "v": 1}, "kept": true}`},
		"replaced": {[]Patch{{Value: object{"a": object{"c": []any{2.0}}}, ReplaceLists: true}}, `{"a": {"b": 1, "c": [2]}, "any": {"@type": "x", "v": 1}, "kept": true}`},
		"typed":    {[]Patch{{Value: object{"any": object{"@type": "y"}}}}, `{"a": {"b": 1, "c": [1]}, "any": {"@type": "y"}, "kept": true}`},
		"in order": {[]Patch{{Value: object{"kept": false}}, {Value: object{"kept": "last"}}}, `{"a": {"b": 1, "c": [1]}, "any": {"@type": "x", "v": 1}, "kept": "last"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Merge([]byte(doc), c.patches)
			if err != nil {
				t.Fatal(err)
			}
			var have, want any
			if err := json.Unmarshal(got, &have); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Error(diff)
			}
		})
	}
}

package bootstrap

import (
	"encoding/json"
	"fmt"
)

// Patch changes a part of the bootstrap (EnvoyFilter's applyTo: BOOTSTRAP).
type Patch struct {
	// Value is a part of an envoy.config.bootstrap.v3.Bootstrap in proto3 JSON with the original field names.
	Value map[string]any `json:"value"`
	// ReplaceLists puts lists in the place of those that are there; without it they are appended.
	ReplaceLists bool `json:"replaceLists,omitempty"`
}

// Merge returns a bootstrap (JSON) with patches, in their order: objects are merged, except for those with an "@type", which like single
// values replace what is there.
func Merge(doc []byte, patches []Patch) ([]byte, error) {
	if len(patches) == 0 {
		return doc, nil
	}
	var into object
	if err := json.Unmarshal(doc, &into); err != nil {
		return nil, fmt.Errorf("bootstrap to be patched: %w", err)
	}
	for _, p := range patches {
		mergeObject(into, p.Value, p.ReplaceLists)
	}
	return json.MarshalIndent(into, "", "  ")
}

func mergeObject(into, from object, replaceLists bool) {
	for key, value := range from {
		switch v := value.(type) {
		case object:
			if had, ok := into[key].(object); ok && v["@type"] == nil {
				mergeObject(had, v, replaceLists)
				continue
			}
		case []any:
			if had, ok := into[key].([]any); ok && !replaceLists {
				into[key] = append(had[:len(had):len(had)], v...)
				continue
			}
		}
		into[key] = value
	}
}

package report

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// fingerprints identify findings from one run to the next: by code, object and field, not by line or wording. Findings that have all
// that in common are numbered in their order. What concerns no object with a name is identified by its file as well.
func fingerprints(list []Finding) []string {
	out := make([]string, len(list))
	seen := map[string]int{}
	for i, f := range list {
		parts := []string{string(f.Code), f.Object.Kind.String(), f.Object.Namespace, f.Object.Name, f.Field}
		if f.Object.Name == "" {
			parts = append(parts, f.Position.File)
		}
		id := strings.Join(parts, "\x00")
		seen[id]++
		if n := seen[id]; n > 1 {
			id += "\x00" + strconv.Itoa(n)
		}
		sum := sha256.Sum256([]byte(id))
		out[i] = hex.EncodeToString(sum[:16])
	}
	return out
}

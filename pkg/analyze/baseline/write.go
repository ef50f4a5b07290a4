package baseline

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meshctl/meshctl/pkg/analyze"
)

// Renew returns the baseline that knows every finding of a list: the old entries that still count and match, as they are, and one for each
// finding that none of them knows, with the reason given. made is how many those are. The order is stable.
func Renew(old []Entry, list []analyze.Diagnostic, reason string, now time.Time) (entries []Entry, made int) {
	outcome := Apply(old, list, now)
	dropped := map[Entry]bool{}
	for _, e := range slices.Concat(outcome.Expired, outcome.Unmatched) {
		dropped[e] = true
	}
	seen := map[Entry]bool{}
	for _, e := range old {
		if !dropped[e] {
			e.Line = 0
			entries, seen[e] = append(entries, e), true
		}
	}
	for _, d := range outcome.New {
		e := Entry{
			Code: string(d.Code), Kind: cmp.Or(d.Object.Kind.Name, "*"), Object: cmp.Or(objectName(d), "*"), Field: d.Field,
			Message: d.Identity().MessageHash(), Reason: reason,
		}
		if !seen[e] {
			entries, seen[e] = append(entries, e), true
			made++
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
	return entries, made
}

// Format writes a baseline as Parse reads it.
func Format(entries []Entry) ([]byte, error) {
	if len(entries) == 0 {
		return []byte("[]\n"), nil
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(entries); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

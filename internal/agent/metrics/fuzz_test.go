package metrics

import (
	"bytes"
	"strings"
	"testing"
)

// Whatever the sources say, the page is made of whole lines and describes no family twice.
func FuzzCopy(f *testing.F) {
	f.Add([]byte("# TYPE envoy_istio_x counter\nenvoy_istio_x 1\n"), []byte("# TYPE istio_x gauge\nistio_x 2"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var out bytes.Buffer
		w := &rewriter{out: &out, described: map[string]bool{}}
		for _, in := range [][]byte{one, two} {
			if err := w.copy(bytes.NewReader(in)); err != nil && len(in) < longest {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		for line := range strings.Lines(out.String()) {
			if !strings.HasSuffix(line, "\n") {
				t.Fatalf("%q is no whole line", line)
			}
			if fields := strings.Fields(line); line[0] == '#' {
				key := strings.Join(fields[:3], " ")
				if seen[key] {
					t.Fatalf("%q twice", key)
				}
				seen[key] = true
			}
		}
	})
}

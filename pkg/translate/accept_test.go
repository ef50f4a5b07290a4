package translate

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// TestEnvoyAccepts loads every golden case into a live Envoy, one after the other, and wants it to run exactly what was translated.
func TestEnvoyAccepts(t *testing.T) {
	names := cases(t)
	for _, kind := range []string{"redirected", "explicit", "gateway"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := startControl(t)
			var live *running
			for _, name := range names {
				s := readCase(t, name)
				p := map[string]func() mesh.Proxy{
					"redirected": func() mesh.Proxy { return redirected("app=client", "version=v1") },
					"explicit":   func() mesh.Proxy { return bound(s, explicit("app=client", "version=v1"), free(t)) },
					"gateway":    func() mesh.Proxy { return bound(s, router(), free(t)) },
				}[kind]()
				r := resourcesFor(s, p)
				t.Logf("%s: %d resources", name, count(r))
				if live == nil {
					live = c.envoy(t, p, r)
					continue
				}
				c.set(t, p.ID, r)
				live.settle(t, r)
			}
			for line := range strings.Lines(live.Log()) {
				if strings.Contains(line, "Deprecated field") && !strings.Contains(line, "dns_") || strings.Contains(line, "[error]") || strings.Contains(line, "[critical]") {
					t.Error(line)
				}
			}
		})
	}
}

func count(r *resources) (n int) {
	r.each(func(proto.Message) { n++ })
	return n
}

package tap_test

import (
	"encoding/json"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/pkg/tap"
)

func TestWhole(t *testing.T) {
	bothModes(t, func(t *testing.T, m *meshtest.Traffic) {
		v := look(t, m.Plane.API, request())
		m.Get("client", "http://web.default.svc.cluster.local/a?x=1&access_token=hush", "user-agent=test", "authorization=Bearer hush", "end-user=jason")
		e := v.path("/a")
		out, _ := json.MarshalIndent(e, "", " ")
		t.Logf("%s", out)
		m.Get("client", "http://web.default.svc.cluster.local/broken")
		out, _ = json.MarshalIndent(v.path("/broken"), "", " ")
		t.Logf("%s", out)
		conn, err := m.Dial("client", "web.default.svc.cluster.local", 7000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := meshtest.Greeting(conn); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		out, _ = json.MarshalIndent(v.event("tcp", func(e tap.Event) bool { return e.Protocol == "TCP" }), "", " ")
		t.Logf("%s", out)
		for _, e := range v.events {
			t.Logf("%+v", e)
		}
		s, _ := json.Marshal(v.status)
		t.Logf("%s", s)
	})
}

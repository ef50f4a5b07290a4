package envoyfilter_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestBootstrap: patches reach proxies that start; those that Envoy would refuse, and those for others, do not.
func TestBootstrap(t *testing.T) {
	patches := filter("client", at("BOOTSTRAP", "", "MERGE", `{stats_flush_interval: 10s, static_resources: {clusters: [{name: mine, type: STATIC, connect_timeout: 1s}]}}`)+
		at("BOOTSTRAP", "", "MERGE", `{stats_flush_interval: 9s, admin: {address: {pipe: {path: /tmp/admin}}}}`)+
		at("BOOTSTRAP", "", "MERGE", `{static_resources: {clusters: [{name: ""}]}}`)+
		at("BOOTSTRAP", "", "MERGE", `{stats_flush_interval: 7s}`)+ // only Envoy knows what is wrong with it
		at("BOOTSTRAP", "context: GATEWAY", "MERGE", `{header_prefix: gateway}`)+
		at("BOOTSTRAP", "", "MERGE", `{header_prefix: x-mine}`))
	m := meshtest.New(t, map[string]string{"services.yaml": services, "patch.yaml": patches})
	client := m.Start(meshtest.Sidecar("client"))
	other := m.Start(meshtest.Sidecar("other"))
	m.Settle()
	dump := client.Admin("/config_dump")
	for part, want := range map[string]bool{`"stats_flush_interval": "10s"`: true, `"name": "mine"`: true, `"header_prefix": "x-mine"`: true, `/tmp/admin`: false} {
		if bytes.Contains(dump, []byte(part)) != want {
			t.Errorf("%s in the bootstrap: want %v", part, want)
		}
	}
	if bytes.Contains(other.Admin("/config_dump"), []byte(`"name": "mine"`)) {
		t.Error("another workload has the patch")
	}
	for _, part := range []string{"configPatches[1]", "configPatches[2]"} {
		if !strings.Contains(m.Plane.Log.String(), part) {
			t.Errorf("the log does not say %s", part)
		}
	}
	client.WaitLog("stats_eviction_interval must be a multiple of stats_flush_interval")
}

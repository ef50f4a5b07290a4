package destinations_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestLoadBalancer(t *testing.T) {
	s := newSuite(t)
	for _, simple := range []string{"UNSPECIFIED", "LEAST_CONN", "LEAST_REQUEST", "RANDOM", "ROUND_ROBIN"} {
		s.with(simple, "{loadBalancer: {simple: "+simple+"}}", func(t *testing.T) {
			s.only(t, []string{"a", "b", "c"})
			if got := s.who(t, 30); simple == "ROUND_ROBIN" && (got["a"] < 9 || got["b"] < 9 || got["c"] < 9) {
				t.Errorf("in turn: %v", got)
			}
		})
	}
	s.with("PASSTHROUGH", "{loadBalancer: {simple: PASSTHROUGH}}", func(t *testing.T) {
		s.only(t, []string{"a", "b", "c"})
		if s.Problem("PASSTHROUGH", "LEAST_REQUEST") == "" {
			t.Error("nobody says that PASSTHROUGH means nothing here")
		}
	})
	s.with("warmup", "{loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 10s, minimumPercent: 50, aggression: 2}}}", s.accepted("slowStartConfig"))
	s.with("warmupDurationSecs", "{loadBalancer: {warmupDurationSecs: 10s}}", s.accepted("slowStartConfig"))
	s.hashes()
	s.localities()
}

// accepted wants the servers to answer and a field in Envoy's configuration.
func (s *suite) accepted(field string) func(t *testing.T) {
	return func(t *testing.T) {
		s.only(t, []string{"a", "b", "c"})
		if !strings.Contains(string(s.client.Admin("/config_dump?resource=dynamic_active_clusters")), strings.ToLower(snake(field))) {
			t.Errorf("no %s in the clusters", field)
		}
	}
}

// snake writes a JSON name as the admin interface does.
func snake(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// hashes: the same key leads to the same server, different keys to different ones.
func (s *suite) hashes() {
	const hash = "{loadBalancer: {consistentHash: {%s}}}"
	sticky := func(request func(key int) (url, header string)) func(t *testing.T) {
		return func(t *testing.T) {
			reached := map[string]bool{}
			for key := range 12 {
				url, header := request(key)
				got := who(t, s.client.Client(), url, 3, header)
				if len(got) != 1 {
					t.Errorf("key %d leads to %v", key, got)
				}
				for name := range got {
					reached[name] = true
				}
			}
			if len(reached) < 2 {
				t.Errorf("all keys lead to %v", reached)
			}
		}
	}
	byHeader := sticky(func(key int) (string, string) { return "http://server/", fmt.Sprintf("x-user=%d", key) })
	s.with("httpHeaderName", fmt.Sprintf(hash, "httpHeaderName: x-user"), byHeader)
	s.with("ringHash", fmt.Sprintf(hash, "httpHeaderName: x-user, ringHash: {minimumRingSize: 2048}"), byHeader)
	s.with("minimumRingSize", fmt.Sprintf(hash, "httpHeaderName: x-user, minimumRingSize: 512"), byHeader)
	s.with("maglev", fmt.Sprintf(hash, "httpHeaderName: x-user, maglev: {tableSize: 1009}"), byHeader)
	s.with("httpQueryParameterName", fmt.Sprintf(hash, "httpQueryParameterName: user"),
		sticky(func(key int) (string, string) { return fmt.Sprintf("http://server/?user=%d", key), "x-a=b" }))
	s.with("useSourceIp", fmt.Sprintf(hash, "useSourceIp: true"), func(t *testing.T) {
		if got := s.who(t, 12); len(got) != 1 {
			t.Errorf("one address leads to %v", got)
		}
		reached := map[string]bool{}
		for range 8 {
			name, err := meshtest.Greeting(meshtest.Connect(t, s.client.Local("server.default.svc.cluster.local", 7000)))
			if err != nil {
				t.Fatal(err)
			}
			reached[name] = true
		}
		if len(reached) != 1 {
			t.Errorf("connections of one address lead to %v", reached)
		}
	})
	s.with("httpCookie", fmt.Sprintf(hash, "httpCookie: {name: user, path: /p, ttl: 60s, attributes: [{name: SameSite, value: Strict}]}"), s.cookie)
}

// cookie: Envoy makes the cookie that is missing; whoever brings it back meets the same server.
func (s *suite) cookie(t *testing.T) {
	client := s.client.Client()
	a := meshtest.Get(t, client, "http://server/p")
	header := a.Header.Get("set-cookie")
	for _, part := range []string{"user=", "Max-Age=60", "Path=/p", "SameSite=Strict"} {
		if !strings.Contains(header, part) {
			t.Errorf("the cookie is %q, want %q in it", header, part)
		}
	}
	cookies, err := http.ParseSetCookie(header)
	if err != nil {
		t.Fatal(err)
	}
	if got := who(t, client, "http://server/p", 8, "cookie=user="+cookies.Value); got[a.Echo.Program] != 8 {
		t.Errorf("%s made the cookie, and it leads to %v", a.Echo.Program, got)
	}
}

const detection = "outlierDetection: {consecutive5xxErrors: 1, interval: 100ms, baseEjectionTime: 60s, maxEjectionPercent: 100}"

func (s *suite) localities() {
	cases := 0
	policy := func(setting string) string { // each is a cluster of its own, which remembers no ejection
		cases++
		return fmt.Sprintf("{loadBalancer: {%s}, %s, connectionPool: {tcp: {maxConnections: %d}}}", setting, detection, 1000+cases)
	}
	s.with("the nearest", "{"+detection+"}", func(t *testing.T) { s.only(t, []string{"a"}) })
	s.with("enabled", policy("localityLbSetting: {enabled: false}"), func(t *testing.T) { s.only(t, []string{"a", "b", "c"}) })
	s.with("failover", policy("localityLbSetting: {failover: [{from: r1, to: r3}]}"), func(t *testing.T) {
		s.only(t, []string{"a"})
		s.fails(t, "a")
		s.only(t, []string{"c"})
	})
	s.with("failoverPriority", policy("localityLbSetting: {failoverPriority: [rack]}"), func(t *testing.T) {
		s.only(t, []string{"b"})
		s.fails(t, "b")
		s.only(t, []string{"a", "c"})
	})
	s.with("failoverPriority with a value", policy(`localityLbSetting: {failoverPriority: ["rack=3"]}`), func(t *testing.T) { s.only(t, []string{"c"}) })
	s.with("topology", policy(`localityLbSetting: {failoverPriority: ["topology.istio.io/cluster", "topology.kubernetes.io/region"]}`),
		func(t *testing.T) { s.only(t, []string{"a"}) })
	s.with("network", policy(`localityLbSetting: {failoverPriority: ["topology.istio.io/network"]}`), func(t *testing.T) { s.only(t, []string{"c"}) })
	s.with("distribute", `{loadBalancer: {localityLbSetting: {distribute: [{from: "r1/*", to: {"r2/*": 80, "r3/*": 20}}]}}}`, func(t *testing.T) {
		s.only(t, []string{"b", "c"})
		client := s.client.Client()
		meshtest.Share(t, 300, 0.8, func() bool { return meshtest.Get(t, client, "http://server/").Echo.Program == "b" })
	})
	s.with("zoneAwareLbSetting", policy("zoneAwareLbSetting: {enabled: true, minClusterSize: 3, failover: [{from: r1, to: r3}]}"), func(t *testing.T) {
		s.only(t, []string{"a"})
		s.fails(t, "a")
		s.only(t, []string{"c"})
	})
	const mesh = "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: 'localityLbSetting: {%s}'}\n"
	s.Case("of the mesh", rule("server", "{"+detection+"}")+fmt.Sprintf(mesh, "failoverPriority: [rack]"), func(t *testing.T) { s.only(t, []string{"b"}) })
	s.Case("off in the mesh", rule("server", "{"+detection+"}")+fmt.Sprintf(mesh, "enabled: false"), func(t *testing.T) { s.only(t, []string{"a", "b", "c"}) })
}

// fails makes the client's Envoy eject a server.
func (s *suite) fails(t *testing.T, name string) {
	t.Helper()
	envoytest.Eventually(t, name+" to be ejected", func() error {
		s.who(t, 2, "x-answer="+name+"=503")
		if s.client.Stat("cluster.outbound|80||server.default.svc.cluster.local.outlier_detection.ejections_active") == 0 {
			return fmt.Errorf("it is not")
		}
		return nil
	})
}

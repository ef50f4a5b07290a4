package metrics_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/agent/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func source(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func text(t *testing.T, page string) string {
	return source(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) })
}

func scrape(t *testing.T, o metrics.Options) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	metrics.New(o).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/stats/prometheus", nil))
	return recorder.Body.String()
}

const noFailures = `# TYPE istio_agent_scrape_failures_total counter
istio_agent_scrape_failures_total{type="application"} 0
istio_agent_scrape_failures_total{type="envoy"} 0
`

func TestMerge(t *testing.T) {
	envoy := text(t, `# TYPE envoy_istio_requests_total counter
envoy_istio_requests_total{response_code="200"} 7

# TYPE envoy_server_live gauge
envoy_server_live{} 1
# TYPE shared counter
shared{from="envoy"} 1
`)
	app := text(t, "# HELP shared what both have\r\n# TYPE shared counter\r\nshared{from=\"app\"} 2\r\n"+
		"# HELP app_up is it up\n# TYPE app_up gauge\n# a remark\napp_up 1\n# EOF\n")
	got := scrape(t, metrics.Options{
		Envoy: func() string { return envoy }, Application: app,
		Own: func(w io.Writer) { fmt.Fprintln(w, "agent_own 1") },
	})
	want := `# TYPE istio_requests_total counter
istio_requests_total{response_code="200"} 7
# TYPE envoy_server_live gauge
envoy_server_live{} 1
# TYPE shared counter
shared{from="envoy"} 1
shared{from="app"} 2
# HELP app_up is it up
# TYPE app_up gauge
app_up 1
` + noFailures + "agent_own 1\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBrokenApplicationLeavesTheRest(t *testing.T) {
	hang := make(chan struct{})
	for name, app := range map[string]string{
		"refuses":  "http://127.0.0.1:1/metrics",
		"fails":    source(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }),
		"too long": text(t, strings.Repeat("x", 100<<10)+" 1\n"),
		"too much": text(t, strings.Repeat("x 1\n", 100<<10)),
		"hangs":    source(t, func(http.ResponseWriter, *http.Request) { <-hang }),
		"breaks off": source(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half_a_li")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "hangs" {
				t.Cleanup(func() { close(hang) })
			}
			got := scrape(t, metrics.Options{
				Envoy: func() string { return text(t, "up 1\n") }, Application: app, Limit: 300 << 10, Timeout: 300 * time.Millisecond,
			})
			if !strings.HasPrefix(got, "up 1\n") || !strings.Contains(got, `{type="application"} 1`) || strings.Contains(got, "half") {
				t.Errorf("got %.200q", got)
			}
		})
	}
}

package standalone

import (
	"slices"
	"testing"

	"github.com/meshctl/meshctl/internal/agent"
)

func TestEnvironment(t *testing.T) {
	state := agent.State{
		Bindings: map[string]uint32{"http_proxy": 4000, "inbound|9080": 4001},
		Services: []agent.ServicePort{
			{Host: "reviews.default.svc.cluster.local", Port: 9080, Name: "http", Local: 1},
			{Host: "my-db.default.svc.cluster.local", Port: 5432, Name: "tcp-sql", Local: 3},
			{Host: "my-db.default.svc.cluster.local", Port: 80, Name: "http", Local: 2},
			{Host: "reviews.staging.svc.cluster.local", Port: 9080, Local: 4},
			{Host: "api.example.com", Port: 443, Name: "tls", Local: 5},
			{Host: "1password.com", Port: 443, Local: 6},
			// The same variables as reviews in staging: this one is in the program's own namespace.
			{Host: "reviews-staging.default.svc.cluster.local", Port: 80, Local: 7},
		},
	}
	want := []string{
		"HTTP_PROXY=http://127.0.0.1:4000", "http_proxy=http://127.0.0.1:4000",
		"HTTPS_PROXY=http://127.0.0.1:4000", "https_proxy=http://127.0.0.1:4000",
		"NO_PROXY=localhost,127.0.0.1,::1", "no_proxy=localhost,127.0.0.1,::1",
		"_1PASSWORD_COM_SERVICE_HOST=127.0.0.1", "_1PASSWORD_COM_SERVICE_PORT=6", "_1PASSWORD_COM_SERVICE_PORT_443=6",
		"API_EXAMPLE_COM_SERVICE_HOST=127.0.0.1", "API_EXAMPLE_COM_SERVICE_PORT=5", "API_EXAMPLE_COM_SERVICE_PORT_TLS=5",
		"MY_DB_SERVICE_HOST=127.0.0.1", "MY_DB_SERVICE_PORT=3", "MY_DB_SERVICE_PORT_TCP_SQL=3", "MY_DB_SERVICE_PORT_HTTP=2",
		"REVIEWS_STAGING_SERVICE_HOST=127.0.0.1", "REVIEWS_STAGING_SERVICE_PORT=7", "REVIEWS_STAGING_SERVICE_PORT_80=7",
		"REVIEWS_SERVICE_HOST=127.0.0.1", "REVIEWS_SERVICE_PORT=1", "REVIEWS_SERVICE_PORT_HTTP=1",
	}
	if got := Environment(state, "default"); !slices.Equal(got, want) {
		t.Errorf("environment:\n got %q\nwant %q", got, want)
	}
	for _, p := range ServicePorts(state.Services, "default") {
		if hidden := p.Host == "reviews.staging.svc.cluster.local"; hidden != (p.Variable == "") {
			t.Errorf("%s has the variable %q", p.Host, p.Variable)
		}
	}
	if got := Environment(agent.State{}, "default"); got != nil {
		t.Errorf("without a proxy: %q", got)
	}
}

func TestParsePort(t *testing.T) {
	for text, want := range map[string]Port{"9080": {9080, 9080}, "9080:9081": {9080, 9081}, "1:65535": {1, 65535}} {
		got, err := ParsePort(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "0", "9080:", ":9080", "65536", "1:2:3", "-1", "9080:0"} {
		if got, err := ParsePort(text); err == nil {
			t.Errorf("%q was taken for %v", text, got)
		}
	}
	if err := checkPorts([]Port{{1, 2}, {3, 2}}); err == nil {
		t.Error("two targets on one local port were accepted")
	}
}

func TestIngressURLs(t *testing.T) {
	got := IngressURLs(map[string]uint32{"gateway|8443": 5, "gateway|80": 3, "gateway|8080": 4, "http_proxy": 9, "gateway|443": 6})
	want := []string{"http://127.0.0.1:3", "https://127.0.0.1:6", "http://127.0.0.1:4", "https://127.0.0.1:5"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

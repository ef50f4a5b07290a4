package admin_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/agent/admin"
)

// TestAnAnswerIsCutBetweenLines: half a number is another number, which would look as if Envoy had begun anew.
func TestAnAnswerIsCutBetweenLines(t *testing.T) {
	const host = "outbound|80||x::10.0.0.1:80::"
	envoy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/clusters" {
			return
		}
		const most = 32 << 20
		last := host + "rq_total::123456789\n"
		_, _ = io.WriteString(w, host+"cx_total::7\n")
		filler := most - len(host+"cx_total::7\n") - len(last) + 5 // five of its bytes, newline included, are too many
		_, _ = fmt.Fprintf(w, "%s\n%s", strings.Repeat("x", filler-1), last)
	}))
	defer envoy.Close()
	s, err := admin.Client{Address: strings.TrimPrefix(envoy.URL, "http://"), HTTP: envoy.Client()}.Traffic(t.Context(), false)
	if err != nil || !s.Cut || len(s.Hosts) != 1 || s.Hosts[0].Requests != 0 || s.Hosts[0].Opened != 7 {
		t.Errorf("%v, cut %v, %+v", err, s.Cut, s.Hosts)
	}
}

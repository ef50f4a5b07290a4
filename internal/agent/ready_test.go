package agent

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whoever asks over HTTP hears what the state says, also when Envoy alone would count as ready.
func TestReadyIsWhatTheStateSays(t *testing.T) {
	envoy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("cluster_manager.cds.update_success: 1\nlistener_manager.lds.update_success: 1\n" +
			"listener_manager.workers_started: 1\nserver.state: 0\n"))
	}))
	defer envoy.Close()
	for _, c := range []struct {
		state State
		code  int
		body  string
	}{
		{State{Ready: true}, http.StatusOK, "ready\n"},
		{State{Reason: "no listener inbound|9080 yet"}, http.StatusServiceUnavailable, "no listener inbound|9080 yet\n"},
		{State{Ready: true, Draining: true}, http.StatusServiceUnavailable, "draining\n"},
	} {
		c.state.AdminAddress = strings.TrimPrefix(envoy.URL, "http://")
		a := &agent{board: newBoard(t.TempDir(), c.state, func(State) {}, slog.New(slog.DiscardHandler))}
		answer := httptest.NewRecorder()
		a.ready(answer, httptest.NewRequest(http.MethodGet, "/healthz/ready", nil))
		if answer.Code != c.code || answer.Body.String() != c.body {
			t.Errorf("%+v: got %d %q", c.state, answer.Code, answer.Body)
		}
	}
}

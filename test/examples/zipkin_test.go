package examples_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// zipkin passes on the first spans that somebody sends.
func zipkin(t *testing.T, spans chan<- string) int {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case spans <- r.URL.Path + string(body):
		default:
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().(*net.TCPAddr).Port
}

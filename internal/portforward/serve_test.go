package portforward_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/meshctl/meshctl/internal/portforward"
)

func TestServe(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "there") }))
	defer server.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	refuse := make(chan bool, 1)
	failures := make(chan error, 1)
	done := make(chan error, 1)
	go func() {
		done <- portforward.Serve(ctx, l, func(ctx context.Context) (net.Conn, error) {
			select {
			case <-refuse:
				return nil, errors.New("refused")
			default:
			}
			var d net.Dialer
			return d.DialContext(ctx, "tcp", server.Listener.Addr().String())
		}, func(err error) { failures <- err })
	}()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if string(text) != "there" {
		t.Errorf("%q", text)
	}
	refuse <- true
	if _, err := client.Get("http://" + l.Addr().String()); err == nil {
		t.Error("a connection that could not be made was made")
	}
	if err := <-failures; err == nil || err.Error() != "refused" {
		t.Error(err)
	}
	held, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := held.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlived its listener")
	}
}

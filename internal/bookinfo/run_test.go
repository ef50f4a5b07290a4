package bookinfo

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestRunCallsThroughTheProxy runs a real productpage whose proxy knows what the name "reviews" means.
func TestRunCallsThroughTheProxy(t *testing.T) {
	seen := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Method + " " + r.URL.String()
		_, _ = w.Write([]byte(`{"podname":"behind the proxy"}`))
	}))
	defer proxy.Close()
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	listener := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Options{Service: Productpage, Listener: listener, Proxy: proxyURL}) }()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + listener.Addr().String() + "/api/v1/products/0/reviews")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || !strings.Contains(string(body), "behind the proxy") {
		t.Errorf("%s, %v", body, err)
	}
	if got := <-seen; got != "GET http://reviews:9080/reviews/0" {
		t.Errorf("the proxy was asked for %q", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := client.Get("http://" + listener.Addr().String() + "/health"); err == nil {
		t.Error("still listening")
	}
}

func TestRunErrors(t *testing.T) {
	if err := Run(t.Context(), Options{Service: Details}); err == nil {
		t.Error("no error without a listener")
	}
	listener := listen(t)
	if err := Run(t.Context(), Options{Service: "basket", Listener: listener}); err == nil {
		t.Error("no error for an unknown service")
	}
	if err := Run(t.Context(), Options{Service: Details, Listener: listener}); err == nil || !strings.Contains(err.Error(), "details") {
		t.Errorf("a closed listener: %v", err)
	}
}

// TestRunCutsOffWhatOutlastsTheGrace ends a service while its call to another one hangs.
func TestRunCutsOffWhatOutlastsTheGrace(t *testing.T) {
	called, release := make(chan struct{}), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(called)
		<-release
	}))
	defer hanging.Close()
	defer close(release)
	listener := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			Service: Reviews, Version: "v2", Listener: listener,
			Upstreams: Upstreams{Ratings: hanging.URL}, Grace: time.Millisecond,
		})
	}()
	client := &http.Client{Transport: &http.Transport{}}
	failed := make(chan error, 1)
	go func() {
		_, err := client.Get("http://" + listener.Addr().String() + "/reviews/0")
		failed <- err
	}()
	<-called
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the request got an answer")
	}
}

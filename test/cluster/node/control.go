//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// routes are what can be asked of every node.
func (d *daemons) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /load", answer(func(ctx context.Context, q url.Values) (string, error) { return "", d.load(ctx, q["archive"]...) }))
	mux.HandleFunc("POST /restart", answer(func(_ context.Context, q url.Values) (string, error) { return "", d.restart(q.Get("component")) }))
}

// control is what can be asked of the first node.
func (s *server) control() http.Handler {
	mux := http.NewServeMux()
	s.routes(mux)
	var mu sync.Mutex
	mux.HandleFunc("POST /nodes", answer(func(ctx context.Context, _ url.Values) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, startTimeout)
		defer cancel()
		return s.addWorker(ctx)
	}))
	mux.HandleFunc("POST /ready", answer(func(ctx context.Context, _ url.Values) (string, error) {
		return "", s.await(ctx, "kube-apiserver", s.ready)
	}))
	return mux
}

func answer(do func(context.Context, url.Values) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, err := do(r.Context(), r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, out)
	}
}

// ask asks a node.
func ask(ctx context.Context, dir, node, path string, query url.Values) (string, error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(nodeDir(dir, node), "control.sock"))
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node"+path+"?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("%s of the cluster in %s: %w", node, dir, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(data)))
	}
	return string(data), err
}

// killOthers ends every process of this process namespace but the first, which cannot be, and the caller.
func killOthers() { _ = syscall.Kill(-1, syscall.SIGKILL) }

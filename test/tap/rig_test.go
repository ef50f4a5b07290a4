// Package tap_test looks at single requests of live meshes as people do.
package tap_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/pkg/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const services = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}, {name: grpc, port: 9000}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /broken}}]
    fault: {abort: {percentage: {value: 100}, httpStatus: 418}}
    route: [{destination: {host: web}}]
  - route: [{destination: {host: web}}]
`

func members() []meshtest.Member {
	return []meshtest.Member{
		{Options: meshtest.Sidecar("client")}, {Options: meshtest.Sidecar("other")},
		{Options: meshtest.Sidecar("web", "app=web", "version=v3"), Serves: true},
	}
}

func bothModes(t *testing.T, test func(t *testing.T, m *meshtest.Traffic)) {
	meshtest.BothModes(t, map[string]string{"services.yaml": services}, members(), test)
}

// viewer is somebody who looks.
type viewer struct {
	t      *testing.T
	cancel func()
	done   chan error

	mu     sync.Mutex
	events []tap.Event
	status tap.Status
	news   chan struct{}
}

// look looks at requests until the test ends, and returns once the proxies concerned report them.
func look(t *testing.T, api *adminapi.Client, r tap.Request) *viewer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	v := &viewer{t: t, cancel: cancel, done: make(chan error, 1), news: make(chan struct{}, 1)}
	go func() { v.done <- api.Tap(ctx, r, v.take) }()
	t.Cleanup(v.end)
	v.until("the proxies to report", func() error {
		if v.status.Reporting == 0 || v.status.Reporting < v.status.Proxies {
			return fmt.Errorf("%+v", v.status)
		}
		return nil
	})
	return v
}

func (v *viewer) take(l tap.Line) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l.Event != nil {
		v.events = append(v.events, *l.Event)
	} else {
		v.status = *l.Status
	}
	select {
	case v.news <- struct{}{}:
	default:
	}
	return nil
}

// end closes the viewer's connection.
func (v *viewer) end() {
	v.t.Helper()
	v.cancel()
	if err := <-v.done; err != nil {
		v.t.Error(err)
	}
	v.done <- nil
}

// until waits for what has been heard to pass; it holds the viewer still meanwhile.
func (v *viewer) until(what string, passes func() error) {
	v.t.Helper()
	deadline := time.NewTimer(envoytest.Timeout)
	defer deadline.Stop()
	for {
		v.mu.Lock()
		err := passes()
		v.mu.Unlock()
		if err == nil {
			return
		}
		select {
		case <-v.news:
		case err := <-v.done:
			v.done <- err
			v.t.Fatalf("waiting for %s: the answer has ended: %v", what, err)
		case <-deadline.C:
			v.t.Fatalf("waiting for %s: %v", what, err)
		}
	}
}

// event waits for one that passes.
func (v *viewer) event(what string, passes func(e tap.Event) bool) tap.Event {
	v.t.Helper()
	var found tap.Event
	v.until(what, func() error {
		for _, e := range v.events {
			if passes(e) {
				found = e
				return nil
			}
		}
		return fmt.Errorf("%+v", v.events)
	})
	return found
}

// path waits for a request by its path.
func (v *viewer) path(path string) tap.Event {
	v.t.Helper()
	return v.event(path, func(e tap.Event) bool { return strings.HasPrefix(e.Path, path) })
}

// only checks that of the paths below one nothing else than the given was heard, once the last of them has been.
func (v *viewer) only(below string, paths ...string) {
	v.t.Helper()
	v.path(below + paths[len(paths)-1])
	v.mu.Lock()
	defer v.mu.Unlock()
	var got []string
	for _, e := range v.events {
		if path, ok := strings.CutPrefix(e.Path, below); ok {
			got = append(got, path)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(paths) {
		v.t.Errorf("got %v, want %v", got, paths)
	}
}

func ref(t *testing.T, text string) tap.Ref {
	t.Helper()
	r, err := tap.ParseRef(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// request is everything in the mesh.
func request() tap.Request { return tap.Request{Rate: tap.DefaultRate, Sample: 100} }

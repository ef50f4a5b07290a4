package standalone

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/authz/ask"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// plane is a control plane whose findings the test changes.
type plane struct {
	mu     sync.Mutex
	status adminapi.Status
}

func (p *plane) set(problems ...adminapi.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.Problems = problems
}

func (p *plane) Status() adminapi.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

func (p *plane) Proxies() []adminapi.Proxy { return nil }

func (p *plane) Config(context.Context, string) (map[string][]*anypb.Any, error) {
	return nil, errors.ErrUnsupported
}

func (p *plane) Rotate(context.Context, string) (adminapi.Certificate, error) {
	return adminapi.Certificate{}, errors.ErrUnsupported
}

func (*plane) WorkloadGroup(string, string) (adminapi.WorkloadGroup, error) {
	return adminapi.WorkloadGroup{}, adminapi.ErrUnknownGroup
}

func (*plane) Configuration() (adminapi.Configuration, error) {
	return adminapi.Configuration{}, nil
}

func (*plane) Tap(context.Context, tap.Request, func(tap.Line) error) error { return nil }

func (*plane) Authorize(ask.Query) ([]ask.Report, error) { return nil, nil }

func (p *plane) WaitSync(context.Context) adminapi.SyncReport {
	return adminapi.SyncReport{Synced: true}
}

func TestWatchFindings(t *testing.T) {
	origin := adminapi.Origin{Kind: "VirtualService", Namespace: "a", Name: "x", File: "a.yaml", Line: 3, Column: 5}
	broken := adminapi.Problem{Origin: origin, Severity: "error", Field: "spec.hosts", Message: "missing", Fix: "name a host"}
	p := &plane{status: adminapi.Status{
		Started: time.Unix(1, 0), Problems: []adminapi.Problem{broken},
		NotEnforced: []adminapi.Origin{{Kind: "Telemetry", Name: "t"}},
	}}
	server := httptest.NewServer(adminapi.Handler(p))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	lines := make(chan string, 8)
	var done sync.WaitGroup
	done.Go(func() {
		WatchFindings(ctx, adminapi.NewClient(strings.TrimPrefix(server.URL, "http://")), func(format string, args ...any) {
			lines <- fmt.Sprintf(format, args...)
		})
	})
	const text = "error: a.yaml:3:5: VirtualService a/x: spec.hosts: missing (fix: name a host)"
	for _, want := range []string{text, "not enforced: Telemetry t: this version reads it but does not act on it"} {
		if got := <-lines; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	p.set()
	if got := <-lines; got != "solved: "+text {
		t.Error(got)
	}
	cancel()
	done.Wait()
}

func (*plane) Traffic(context.Context, string) (traffic.Report, error) { return traffic.Report{}, nil }

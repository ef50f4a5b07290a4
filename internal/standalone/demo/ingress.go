package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/agent/ports"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/standalone"
)

// declared is the port in the demo's own Gateway object.
const declared = 8080

// page is what the load asks for.
const page = "/productpage"

// ingress knows where the gateway listens, which a new Gateway object may change.
type ingress struct {
	mu      sync.Mutex
	urls    []string
	changed chan struct{} // closes at the next change
}

func newIngress() *ingress { return &ingress{changed: make(chan struct{})} }

// choose gives the gateway, whose agent keeps its ports in dir, the port that the user asked for. Without a choice the agent
// tries the number in the Gateway object.
func (i *ingress) choose(dir string, o Options) error {
	path := filepath.Join(dir, "ports.json")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if o.Port == 0 && !o.AnyPort {
		return nil
	}
	book, err := ports.Open(path, netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		return err
	}
	defer book.Close()
	name := fmt.Sprintf("gateway|%d", declared)
	found, err := book.Allocate([]*agentapi.Listen{{Name: name, Purpose: agentapi.Listen_GATEWAY, Preferred: uint32(o.Port)}})
	if err == nil && o.Port != 0 && found[name] != uint32(o.Port) {
		err = fmt.Errorf("port %d of the gateway is in use, or needs a privilege: choose another, or --port 0 for any free one", o.Port)
	}
	return err
}

// follow keeps the URLs up to date with the gateway's listeners until stop is called.
func (i *ingress) follow(dir string, save func([]string) error, say func(string, ...any)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		_ = standalone.WatchListeners(ctx, dir, func(listeners map[string]uint32) {
			urls := standalone.IngressURLs(listeners)
			if len(urls) == 0 || !i.set(urls) {
				return
			}
			say("ingress: %s%s", urls[0], page)
			if err := save(urls); err != nil {
				say("warning: %v", err)
			}
		})
	})
	return func() { cancel(); done.Wait() }
}

func (i *ingress) set(urls []string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if slices.Equal(urls, i.urls) {
		return false
	}
	i.urls = urls
	close(i.changed)
	i.changed = make(chan struct{})
	return true
}

// url of the gateway, empty while there is none, and a channel that closes at the next change.
func (i *ingress) url() (string, <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.urls) == 0 {
		return "", i.changed
	}
	return i.urls[0], i.changed
}

// first asks for the page until it comes, for at most timeout.
func (i *ingress) first(ctx context.Context, timeout time.Duration) error {
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	last := errors.New("the gateway does not listen yet")
	for {
		at, changed := i.url()
		if at != "" {
			if last = get(limit, client, at+page); last == nil {
				return nil
			}
			changed = nil
		}
		select {
		case <-limit.Done():
			if ctx.Err() != nil { // told to stop, which is no failure
				return ctx.Err()
			}
			return fmt.Errorf("no successful request through the gateway within %s: %w; see `meshctl proxy-status`", timeout, last)
		case <-changed:
		case <-ticker.C:
		}
	}
}

func get(ctx context.Context, client *http.Client, target string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", target, response.Status)
	}
	return nil
}

// follower sends each request to where the gateway is now.
type follower struct {
	ingress   *ingress
	transport http.RoundTripper
}

func (f follower) RoundTrip(r *http.Request) (*http.Response, error) {
	at, _ := f.ingress.url()
	base, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = base.Scheme, base.Host, base.Host
	return f.transport.RoundTrip(r)
}

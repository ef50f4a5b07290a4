// Package client is how the installer talks to a cluster: client-go's transport and dynamic client, with a deadline on every call, transient
// failures tried again, a bound on what runs at a time, and messages that name the object. It links no generated clients and no caches.
package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-logr/logr"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Manager is the field manager of everything that is applied. See https://kubernetes.io/docs/reference/using-api/server-side-apply/.
const Manager = "meshctl"

// Options say how to talk. The zero value is good for any cluster.
type Options struct {
	// Parallel is how many calls run at a time. Default 8.
	Parallel int
	// CallTimeout is how long one attempt of a call may take. Default 30 s: as long as the API server gives the slowest webhook.
	CallTimeout time.Duration
	// Patience is how long a call is tried again that fails for a reason that may pass, such as an overloaded server. Default 7 s.
	Patience time.Duration
	// ReadOnly lets nothing through that would change the cluster: of the requests that write only those with dryRun=All.
	ReadOnly bool
}

// Client is one cluster, seen as one user. It is safe for concurrent use.
type Client struct {
	o       Options
	http    *http.Client
	dynamic *dynamic.DynamicClient
	base    *url.URL
	// slots holds one token for each call that may run.
	slots chan struct{}

	mu    sync.Mutex
	kinds map[string][]entry // by the path of the group and version
}

// New returns a client. Nothing is asked of the cluster yet; the error is about the configuration. Close it after use.
func New(config *rest.Config, o Options) (*Client, error) {
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = 30 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 7 * time.Second
	}
	c := rest.CopyConfig(config)
	c.QPS, c.WarningHandler, c.Timeout = -1, rest.NoWarnings{}, 0
	if o.ReadOnly {
		c.Wrap(func(next http.RoundTripper) http.RoundTripper { return readOnly{next} })
	}
	transport, err := rest.HTTPClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("credentials of the cluster: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(c)
	if err != nil {
		return nil, fmt.Errorf("address of the cluster: %w", err)
	}
	d, err := dynamic.NewForConfigAndClient(c, transport)
	if err != nil {
		return nil, err
	}
	return &Client{o: o, http: transport, dynamic: d, base: base, slots: make(chan struct{}, o.Parallel), kinds: map[string][]entry{}}, nil
}

// Close ends the connections.
func (c *Client) Close() { utilnet.CloseIdleConnectionsFor(c.http.Transport) }

// call runs one call when it is its turn, with a deadline, and again after a failure that may pass. The failure that stays is returned.
func (c *Client) call(ctx context.Context, once func(context.Context) error) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	end := time.Now().Add(c.o.Patience)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := c.attempt(ctx, once)
		if err == nil || ctx.Err() != nil || !transient(err) || time.Now().Add(pause).After(end) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

func (c *Client) attempt(ctx context.Context, once func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(quiet(ctx), c.o.CallTimeout)
	defer cancel()
	return once(ctx)
}

// quiet keeps client-go from writing to standard error what is returned as an error as well.
func quiet(ctx context.Context) context.Context { return klog.NewContext(ctx, logr.Discard()) }

// Package admin reads from, and sets log levels of, a live Envoy over its admin interface
// (https://www.envoyproxy.io/docs/envoy/latest/operations/admin).
package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

// DefaultTimeout bounds a call whose context has no deadline.
const DefaultTimeout = 10 * time.Second

// Client talks to one Envoy. Its methods are safe for concurrent use.
type Client struct {
	address string
	base    string
	http    *http.Client
}

// New returns a client for "host:port" or "unix:/path". Nothing is dialled yet.
func New(address string) *Client {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return NewOver(address, func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		})
	}
	return &Client{address: address, base: "http://" + address, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// NewOver returns a client whose connections come from dial; name is the address in messages.
func NewOver(name string, dial func(context.Context) (net.Conn, error)) *Client {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	return &Client{address: name, base: "http://localhost", http: &http.Client{Transport: transport}}
}

// RawConfigDump returns /config_dump with endpoints as Envoy writes it.
func (c *Client) RawConfigDump(ctx context.Context) ([]byte, error) {
	return c.call(ctx, http.MethodGet, "/config_dump?include_eds", proxyconfig.MaxSize)
}

// ConfigDump returns what Envoy runs.
func (c *Client) ConfigDump(ctx context.Context) (*proxyconfig.Dump, error) {
	data, err := c.RawConfigDump(ctx)
	if err != nil {
		return nil, err
	}
	return proxyconfig.Parse(bytes.NewReader(data))
}

// Statuses returns the endpoints in use, with their health and counters.
func (c *Client) Statuses(ctx context.Context) (*proxyconfig.Statuses, error) {
	data, err := c.call(ctx, http.MethodGet, "/clusters?format=json", proxyconfig.MaxSize)
	if err != nil {
		return nil, err
	}
	return proxyconfig.ParseStatuses(bytes.NewReader(data))
}

// Certs returns /certs: the certificates in use, in Envoy's JSON form (envoy/admin/v3/certs.proto).
func (c *Client) Certs(ctx context.Context) ([]byte, error) {
	return c.call(ctx, http.MethodGet, "/certs", 64<<20)
}

// Stats returns the counters and gauges whose full name matches the regular expression filter, all of them when it is
// empty, in the text form "name: value".
func (c *Client) Stats(ctx context.Context, filter string) ([]byte, error) {
	path := "/stats"
	if filter != "" {
		path += "?filter=" + url.QueryEscape(filter)
	}
	return c.call(ctx, http.MethodGet, path, 256<<20)
}

// Logging returns the levels of all loggers.
func (c *Client) Logging(ctx context.Context) ([]proxyconfig.LogRow, error) {
	return c.logging(ctx, "/logging")
}

// SetLogLevel sets the level of one logger, or of all when logger is empty, and returns the levels of all. Levels are
// those of proxyconfig.LogLevels.
func (c *Client) SetLogLevel(ctx context.Context, logger, level string) ([]proxyconfig.LogRow, error) {
	if !slices.Contains(proxyconfig.LogLevels(), level) {
		return nil, fmt.Errorf("log level %q: use one of %s", level, strings.Join(proxyconfig.LogLevels(), ", "))
	}
	if logger == "" {
		logger = "level"
	}
	return c.logging(ctx, "/logging?"+url.QueryEscape(logger)+"="+level)
}

func (c *Client) logging(ctx context.Context, path string) ([]proxyconfig.LogRow, error) {
	data, err := c.call(ctx, http.MethodPost, path, 1<<20)
	if err != nil {
		return nil, err
	}
	return proxyconfig.ParseLogging(bytes.NewReader(data)), nil
}

func (c *Client) call(ctx context.Context, method, path string, limit int64) ([]byte, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("admin address %q of Envoy: %w", c.address, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, c.unreachable(ctx, path, err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("envoy at %s answered %s with more than %d bytes", c.address, path, limit)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("envoy at %s answered %s with %s: %.200s", c.address, path, resp.Status, bytes.TrimSpace(body))
	}
	return body, nil
}

func (c *Client) unreachable(ctx context.Context, path string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("envoy at %s did not answer %s in time: is it stopped or overloaded? (%w)", c.address, path, context.DeadlineExceeded)
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		err = sent.Err // without the URL
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("envoy's admin interface at %s cannot be reached (%w): is the proxy running?", c.address, err)
}

package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/authz/ask"
)

const (
	// DefaultTimeout bounds a call whose context has no deadline.
	DefaultTimeout = 10 * time.Second
	// maxAnswer bounds what a client reads: the configuration of one proxy in a large mesh has some tens of MB.
	maxAnswer = 512 << 20
)

// ErrUnreachable is what every call returns when nothing answers at the address.
var ErrUnreachable = errors.New("control plane does not answer")

// Client calls the API. Its methods are safe for concurrent use.
type Client struct {
	address string
	base    string
	http    *http.Client
}

// NewClient returns a client for "host:port" or "unix:/path". Nothing is dialled yet.
func NewClient(address string) *Client {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return NewClientOver(address, func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		})
	}
	return &Client{address: address, base: "http://" + address, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// NewClientOver returns a client whose connections come from dial; name is the address in messages.
func NewClientOver(name string, dial func(context.Context) (net.Conn, error)) *Client {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	return &Client{address: name, base: "http://localhost", http: &http.Client{Transport: transport}}
}

// Address is what NewClient was given.
func (c *Client) Address() string { return c.address }

// Status describes the control plane.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, http.MethodGet, "/v1/status")
}

// Configuration returns what the mesh is made of besides files.
func (c *Client) Configuration(ctx context.Context) (Configuration, error) {
	return get[Configuration](ctx, c, http.MethodGet, "/v1/configuration")
}

// Proxies returns every proxy that the control plane knows, ordered by ID.
func (c *Client) Proxies(ctx context.Context) ([]Proxy, error) {
	return get[[]Proxy](ctx, c, http.MethodGet, "/v1/proxies")
}

// Config returns what the proxy is meant to run, as a config dump in Envoy's JSON form (see proxyconfig.Parse).
func (c *Client) Config(ctx context.Context, id string) ([]byte, error) {
	return c.call(ctx, http.MethodGet, "/v1/proxies/"+url.PathEscape(id)+"/config", nil)
}

// Rotate makes the proxy's agent get a new certificate now, and returns it.
func (c *Client) Rotate(ctx context.Context, id string) (Certificate, error) {
	return get[Certificate](ctx, c, http.MethodPost, "/v1/proxies/"+url.PathEscape(id)+"/rotate")
}

// WaitSync waits until every connected proxy runs what it should, for at most wait.
func (c *Client) WaitSync(ctx context.Context, wait time.Duration) (SyncReport, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+DefaultTimeout)
	defer cancel()
	return get[SyncReport](ctx, c, http.MethodGet, "/v1/sync?wait="+wait.String())
}

// Authorize asks who may call whom. An *ask.InputError says what is wrong with the question.
func (c *Client) Authorize(ctx context.Context, q ask.Query) ([]ask.Report, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	return send[[]ask.Report](ctx, c, http.MethodPost, "/v1/authz", body)
}

func get[T any](ctx context.Context, c *Client, method, path string) (T, error) {
	return send[T](ctx, c, method, path, nil)
}

func send[T any](ctx context.Context, c *Client, method, path string, content []byte) (T, error) {
	var v T
	body, err := c.call(ctx, method, path, content)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return v, fmt.Errorf("control plane at %s answered %s with something else than JSON: %w", c.address, path, err)
	}
	return v, nil
}

func (c *Client) call(ctx context.Context, method, path string, content []byte) ([]byte, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("control plane address %q: %w", c.address, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("control plane at %s answered %s with more than %d bytes", c.address, path, maxAnswer)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, c.refused(resp, path, body)
	}
	return body, nil
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w at %s: timed out", ErrUnreachable, c.address)
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		err = sent.Err // without the URL
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.address, err)
}

func (c *Client) refused(resp *http.Response, path string, body []byte) error {
	var e Error
	if json.Unmarshal(body, &e) == nil && e.Message != "" {
		if resp.StatusCode == http.StatusUnprocessableEntity {
			return &ask.InputError{Message: e.Message}
		}
		return &e
	}
	return fmt.Errorf("control plane at %s answered %s with %s: %.200s", c.address, path, resp.Status, bytes.TrimSpace(body))
}

// Package admin speaks to Envoy's admin interface
// (https://www.envoyproxy.io/docs/envoy/latest/operations/admin): is it ready, is it idle, drain.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client of one Envoy.
type Client struct {
	// Address is host:port of the admin interface.
	Address string
	// HTTP may be nil for http.DefaultClient.
	HTTP *http.Client
}

const (
	timeout = 5 * time.Second
	// most is how much of an answer is read; the answers asked for here are a few lines.
	most = 4 << 20
)

// Ready returns nil when Envoy is LIVE, its workers run, and it has accepted clusters and listeners from the control plane.
// An Envoy can be LIVE with no configuration at all; the error says what is missing.
func (c Client) Ready(ctx context.Context) error {
	const cds, lds = "cluster_manager.cds.update_success", "listener_manager.lds.update_success"
	stats, err := c.stats(ctx, `^(server\.state|listener_manager\.workers_started|cluster_manager\.cds\.update_success|listener_manager\.lds\.update_success)$`)
	switch {
	case err != nil:
		return err
	case stats[cds] == 0:
		return errors.New("no clusters from the control plane yet")
	case stats[lds] == 0:
		return errors.New("no listeners from the control plane yet")
	case stats["listener_manager.workers_started"] == 0:
		return errors.New("workers of Envoy not started yet")
	case stats["server.state"] != 0:
		return fmt.Errorf("not live yet (server.state %d)", stats["server.state"])
	}
	return nil
}

// Live returns nil when Envoy says that it is: it runs, and nothing told it to fail health checks.
func (c Client) Live(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodGet, "/ready")
	return err
}

// Drain tells Envoy to close its listeners gently: connections are asked to end, and new ones are taken until the drain
// time is over. With inboundOnly the program's own outgoing calls go on.
func (c Client) Drain(ctx context.Context, inboundOnly bool) error {
	path := "/drain_listeners?graceful&skip_exit"
	if inboundOnly {
		path += "&inboundonly"
	}
	_, err := c.do(ctx, http.MethodPost, path)
	return err
}

func (c Client) stats(ctx context.Context, filter string) (map[string]int, error) {
	body, err := c.do(ctx, http.MethodGet, "/stats?filter="+url.QueryEscape(filter))
	if err != nil {
		return nil, err
	}
	stats := map[string]int{}
	for line := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.Atoi(value); err == nil {
			stats[name] = n
		}
	}
	return stats, nil
}

func (c Client) do(ctx context.Context, method, path string) ([]byte, error) {
	if c.Address == "" {
		return nil, errors.New("not started yet")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.Address+path, nil)
	if err != nil {
		return nil, err
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("admin interface of Envoy: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, fmt.Errorf("admin interface of Envoy: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("admin interface of Envoy: %s %s: %s", method, path, resp.Status)
	}
	return body, nil
}

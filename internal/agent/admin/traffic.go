package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// mostTraffic bounds one answer: 30,000 endpoints or so.
const mostTraffic = 32 << 20

// Traffic reads what Envoy has counted. The epoch is left to the caller, who knows the process.
func (c Client) Traffic(ctx context.Context) (sample.Sample, error) {
	hosts, cutHosts, err := c.long(ctx, sample.ClustersPath)
	if err != nil {
		return sample.Sample{}, err
	}
	now := time.Now()
	stats, cutStats, err := c.long(ctx, sample.StatsPath)
	if err != nil {
		return sample.Sample{}, err
	}
	s := sample.Sample{Time: now, Hosts: sample.Hosts(hosts), Cut: cutHosts || cutStats}
	s.Clusters, s.Inbound = sample.Stats(stats)
	return s, nil
}

// long is for answers of many lines; cut says that there was more.
func (c Client) long(ctx context.Context, path string) (text string, cut bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Address+path, nil)
	if err != nil {
		return "", false, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return "", false, fmt.Errorf("admin interface of Envoy: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostTraffic+1))
	switch {
	case err != nil:
		return "", false, fmt.Errorf("admin interface of Envoy: %w", err)
	case resp.StatusCode != http.StatusOK:
		return "", false, fmt.Errorf("admin interface of Envoy: %s", resp.Status)
	}
	return string(body[:min(len(body), mostTraffic)]), len(body) > mostTraffic, nil
}

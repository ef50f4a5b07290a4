package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// mostTraffic bounds one answer: 30,000 endpoints or so.
const mostTraffic = 32 << 20

// Traffic reads what Envoy has counted, or its counters only. The epoch is left to the caller, who knows the process.
func (c Client) Traffic(ctx context.Context, countersOnly bool) (sample.Sample, error) {
	hosts, cutHosts, err := c.long(ctx, sample.ClustersPath)
	if err != nil {
		return sample.Sample{}, err
	}
	now, path := time.Now(), sample.StatsPath
	if countersOnly {
		path = sample.CountersPath
	}
	stats, cutStats, err := c.long(ctx, path)
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
	var body strings.Builder
	_, err = io.Copy(&body, io.LimitReader(resp.Body, mostTraffic+1))
	switch {
	case err != nil:
		return "", false, fmt.Errorf("admin interface of Envoy: %w", err)
	case resp.StatusCode != http.StatusOK:
		return "", false, fmt.Errorf("admin interface of Envoy: %s", resp.Status)
	}
	if text = body.String(); len(text) > mostTraffic {
		return text[:strings.LastIndexByte(text[:mostTraffic], '\n')+1], true, nil // half a number is another one
	}
	return text, false, nil
}

package sample

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// StatsFilter is which of Envoy's statistics a sample needs, as the parameter "filter" of /stats has it.
const StatsFilter = `^cluster\.(outbound|inbound|PassthroughCluster).*\.(upstream_rq_time|upstream_cx_[rt]x_bytes_total|upstream_rq_retry|ssl\.handshake)$|^http\.(in|out)bound.*\.(downstream_cx_total|downstream_cx_ssl_total|fault\.aborts_injected)$`

// ParseStats reads the answer to /stats?format=json&usedonly&histogram_buckets=cumulative&filter=StatsFilter
// (https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--stats) into a sample without hosts.
func ParseStats(answer []byte) (Sample, error) {
	var doc struct {
		Stats []struct {
			Name       string          `json:"name"`
			Value      json.Number     `json:"value"`
			Histograms json.RawMessage `json:"histograms"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(answer, &doc); err != nil {
		return Sample{}, fmt.Errorf("statistics of Envoy: %w", err)
	}
	r := reader{clusters: map[string]*Cluster{}}
	for _, s := range doc.Stats {
		if s.Histograms != nil {
			if err := r.histograms(s.Histograms); err != nil {
				return Sample{}, err
			}
			continue
		}
		if v, err := strconv.ParseUint(s.Value.String(), 10, 64); err == nil {
			r.counter(s.Name, v)
		}
	}
	for _, c := range r.clusters {
		r.sample.Clusters = append(r.sample.Clusters, *c)
	}
	slices.SortFunc(r.sample.Clusters, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	return r.sample, nil
}

type hostKey struct{ cluster, address string }

type reader struct {
	sample   Sample
	clusters map[string]*Cluster
}

func (r *reader) cluster(name string) *Cluster {
	if r.clusters[name] == nil {
		r.clusters[name] = &Cluster{Name: name}
	}
	return r.clusters[name]
}

func (r *reader) counter(name string, v uint64) {
	switch {
	case strings.HasSuffix(name, ".fault.aborts_injected"):
		r.sample.Aborted += v
	case strings.HasPrefix(name, "http.inbound") && strings.HasSuffix(name, ".downstream_cx_total"):
		r.sample.Accepted += v
	case strings.HasPrefix(name, "http.inbound") && strings.HasSuffix(name, ".downstream_cx_ssl_total"):
		r.sample.AcceptedTLS += v
	}
	rest, ok := strings.CutPrefix(name, "cluster.")
	if !ok {
		return
	}
	for suffix, set := range map[string]func(c *Cluster){
		".upstream_cx_tx_bytes_total": func(c *Cluster) { c.Sent = v },
		".upstream_cx_rx_bytes_total": func(c *Cluster) { c.Received = v },
		".upstream_rq_retry":          func(c *Cluster) { c.Retries = v },
		".ssl.handshake":              func(c *Cluster) { c.Handshakes = v },
	} {
		if cluster, ok := strings.CutSuffix(rest, suffix); ok {
			set(r.cluster(trim(cluster)))
		}
	}
}

// trim takes off the semicolon by which names of statistics end a cluster's name.
func trim(cluster string) string { return strings.TrimSuffix(cluster, ";") }

func (r *reader) histograms(raw json.RawMessage) error {
	var list []struct {
		Name    string `json:"name"`
		Buckets []struct {
			Bound      float64 `json:"upper_bound"`
			Cumulative uint64  `json:"cumulative"`
		} `json:"buckets"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("histograms of Envoy: %w", err)
	}
	for _, h := range list {
		name, ok := strings.CutPrefix(strings.TrimSuffix(h.Name, ".upstream_rq_time"), "cluster.")
		if !ok || !strings.HasSuffix(h.Name, ".upstream_rq_time") || strings.HasSuffix(name, ".external") || strings.HasSuffix(name, ".internal") {
			continue // those are parts of the same
		}
		c := r.cluster(trim(name))
		for _, b := range h.Buckets {
			if !math.IsNaN(b.Bound) && !math.IsInf(b.Bound, 0) && (len(c.Latency) == 0 || b.Bound > c.Latency[len(c.Latency)-1].Bound) {
				c.Latency = append(c.Latency, Bucket{b.Bound, max(b.Cumulative, last(c.Latency))})
			}
		}
	}
	return nil
}

func last(buckets []Bucket) uint64 {
	if len(buckets) == 0 {
		return 0
	}
	return buckets[len(buckets)-1].Count
}

// mostClusters bounds what is asked for by name; beyond it all clusters are read.
const mostClusters = 200

// ClustersFilter is which clusters have done anything, as the parameter "filter" of /clusters has it: those of services that nobody calls are most.
// Empty means all, or none when used is false.
func (s Sample) ClustersFilter() (filter string, used bool) {
	names := make([]string, len(s.Clusters))
	for i, c := range s.Clusters {
		names[i] = regexp.QuoteMeta(c.Name)
	}
	if len(names) > mostClusters {
		return "", true
	}
	return "^(" + strings.Join(names, "|") + ")$", len(names) > 0
}

// ParseClusters reads the endpoints that have been used from the text of /clusters
// (https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--clusters).
func ParseClusters(answer []byte) ([]Host, error) {
	hosts := map[hostKey]*Host{}
	var order []hostKey
	lines := bufio.NewScanner(bytes.NewReader(answer))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		parts := strings.Split(lines.Text(), "::")
		if len(parts) < 4 { // of the cluster, not of an endpoint
			continue
		}
		n := len(parts)
		// An IPv6 address is in brackets and has colons of its own.
		key := hostKey{parts[0], strings.Join(parts[1:n-2], "::")}
		if !strings.Contains(key.address, ":") { // a priority's limits
			continue
		}
		h := hosts[key]
		if h == nil {
			h = &Host{Cluster: key.cluster, Address: key.address}
			hosts[key] = h
			order = append(order, key)
		}
		h.set(parts[n-2], parts[n-1])
	}
	var out []Host
	for _, key := range order {
		if h := hosts[key]; h.Requests+h.Opened > 0 || h.Ejected {
			out = append(out, *h)
		}
	}
	return out, lines.Err()
}

func (h *Host) set(name, text string) {
	if name == "health_flags" {
		h.Ejected = strings.Contains(text, "/failed_outlier_check")
		return
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return
	}
	switch name {
	case "rq_total":
		h.Requests = v
	case "rq_error":
		h.Errors = v
	case "cx_total":
		h.Opened = v
	case "cx_active":
		h.Active = v
	}
}

package sample

import (
	"strconv"
	"strings"
)

// ClustersPath asks Envoy for the hosts of the clusters that lead out of a workload.
const ClustersPath = "/clusters?filter=%5E(outbound%7CPassthroughCluster%7CBlackHoleCluster)"

// Hosts reads Envoy's answer to ClustersPath: lines of CLUSTER::ADDRESS::NAME::VALUE. Lines that are no such thing are left out, as are hosts
// that were never connected to and are in service.
func Hosts(text string) []Host {
	var out []Host
	at := -1
	add := func() {
		if at >= 0 && out[at] == (Host{Cluster: out[at].Cluster, Address: out[at].Address}) {
			out = out[:at]
		}
	}
	for line := range strings.Lines(text) {
		cluster, address, name, value, ok := hostLine(strings.TrimRight(line, "\r\n"))
		if !ok {
			continue
		}
		if at < 0 || at >= len(out) || out[at].Cluster != cluster || out[at].Address != address {
			add()
			out = append(out, Host{Cluster: cluster, Address: address})
			at = len(out) - 1
		}
		out[at].take(name, value)
	}
	if at < len(out) {
		add()
	}
	return out
}

// hostLine splits a line from its end: names of clusters and IPv6 addresses have colons, what is counted has none.
func hostLine(line string) (cluster, address, name, value string, ok bool) {
	rest, value, ok := cutLast(line)
	if !ok {
		return
	}
	rest, name, ok = cutLast(rest)
	if !ok {
		return
	}
	// An IPv6 address is written in brackets, and may have two colons itself.
	if i := strings.LastIndex(rest, "::["); i >= 0 && strings.Contains(rest[i:], "]") {
		return rest[:i], rest[i+2:], name, value, true
	}
	cluster, address, ok = cutLast(rest)
	return cluster, address, name, value, ok && address != "default_priority" && address != "high_priority"
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndex(s, "::")
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+2:], true
}

func (h *Host) take(name, value string) {
	if name == "health_flags" {
		h.Ejected = strings.Contains(value, "/failed_outlier_check")
		return
	}
	var field *uint64
	switch name {
	case "rq_total":
		field = &h.Requests
	case "rq_error":
		field = &h.Failed
	case "cx_total":
		field = &h.Opened
	case "cx_connect_fail":
		field = &h.Refused
	case "cx_active":
		field = &h.Connections
	default:
		return
	}
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		*field = n
	}
}

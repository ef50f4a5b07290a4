package proxyconfig

import (
	"fmt"
	"io"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
)

// Statuses is what Envoy's /clusters?format=json says: the endpoints in use with their health and counters
// (envoy/admin/v3/clusters.proto).
type Statuses struct {
	clusters []Tree
}

// ParseStatuses reads the JSON form of /clusters.
func ParseStatuses(r io.Reader) (*Statuses, error) {
	root, err := readObject(r)
	if err != nil {
		return nil, fmt.Errorf("read cluster statuses: %w", err)
	}
	root = normalize(root, (&adminv3.Clusters{}).ProtoReflect().Descriptor())
	return &Statuses{objects(root, "cluster_statuses")}, nil
}

func (s *Statuses) rows() []EndpointRow {
	var rows []EndpointRow
	for _, c := range s.clusters {
		for _, h := range objects(c, "host_statuses") {
			host, port := address(object(h, "address"))
			status, outlier := hostHealth(object(h, "health_status"))
			rows = append(rows, EndpointRow{
				Endpoint: hostPort(host, port), Host: host, Port: port, Cluster: text(c, "name"),
				Status: status, OutlierCheck: outlier, Weight: max(number(h, "weight"), 1),
				Priority: number(h, "priority"), Locality: locality(object(h, "locality")), Stats: hostStats(h),
			})
		}
	}
	return rows
}

// hostHealth gives the worse of what discovery and active health checks say, and the outlier detector's verdict.
func hostHealth(t Tree) (status, outlier string) {
	status = health(Tree{"health_status": text(t, "eds_health_status")})
	if truth(t, "failed_active_health_check") || truth(t, "failed_active_degraded_check") {
		status = "UNHEALTHY"
	}
	outlier = "OK"
	if truth(t, "failed_outlier_check") {
		outlier = "FAILED"
	}
	return status, outlier
}

// hostStats leaves zeros out.
func hostStats(host Tree) map[string]int {
	stats := map[string]int{}
	for _, s := range objects(host, "stats") {
		if n := number(s, "value"); n != 0 {
			stats[text(s, "name")] = n
		}
	}
	return stats
}

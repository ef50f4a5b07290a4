package proxyconfig

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// ClusterRow is one cluster. Names of the form "direction|port|subset|host" are taken apart.
type ClusterRow struct {
	Name            string   `json:"name"`
	FQDN            string   `json:"fqdn"`
	Port            int      `json:"port,omitempty"`
	Subset          string   `json:"subset,omitempty"`
	Direction       string   `json:"direction,omitempty"` // "inbound", "outbound" or empty
	Type            string   `json:"type"`                // discovery type, e.g. "EDS"
	DestinationRule string   `json:"destinationRule,omitempty"`
	Origins         []Origin `json:"origins,omitempty"`
	State           State    `json:"state"`
	Version         string   `json:"version,omitempty"`
	Error           string   `json:"error,omitempty"`
}

// ClusterRows returns the rows of the clusters that f selects, ordered by host, port, subset and direction.
func (d *Dump) ClusterRows(f Filter) []ClusterRow {
	rows := []ClusterRow{}
	for _, r := range d.Clusters {
		if row := clusterRow(r); f.cluster(row) {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b ClusterRow) int {
		return cmp.Or(strings.Compare(a.FQDN, b.FQDN), cmp.Compare(a.Port, b.Port), strings.Compare(a.Subset, b.Subset),
			strings.Compare(b.Direction, a.Direction), strings.Compare(string(a.State), string(b.State)))
	})
	return rows
}

func clusterRow(r Resource) ClusterRow {
	row := ClusterRow{
		Name: r.Name, FQDN: r.Name, Type: clusterType(r.Body), State: r.State, Version: r.Version, Error: r.Error,
		Origins: originOf(r.Body),
	}
	row.DestinationRule = labels(row.Origins, "DestinationRule", "BackendTLSPolicy")
	if c, ok := SplitClusterName(r.Name); ok {
		row.Direction, row.Port, row.Subset, row.FQDN = c.Direction, c.Port, c.Subset, c.Host
	}
	return row
}

// ClusterName is the name of a cluster taken apart.
type ClusterName struct {
	Direction string
	Port      int
	Subset    string
	Host      string // empty for inbound clusters
}

// SplitClusterName reads "outbound|9080|v1|reviews.default.svc.cluster.local".
func SplitClusterName(name string) (ClusterName, bool) {
	p := strings.Split(name, "|")
	if len(p) != 4 {
		return ClusterName{}, false
	}
	port, err := strconv.Atoi(p[1])
	if err != nil {
		return ClusterName{}, false
	}
	return ClusterName{Direction: p[0], Port: port, Subset: p[2], Host: p[3]}, true
}

func clusterType(body Tree) string {
	if custom := text(body, "cluster_type", "name"); custom != "" {
		return strings.ToUpper(strings.TrimPrefix(custom, "envoy.clusters."))
	}
	return first(text(body, "type"), "STATIC")
}

func (f Filter) cluster(r ClusterRow) bool {
	return (f.FQDN == "" || strings.Contains(r.FQDN, f.FQDN)) && matchPort(f.Port, r.Port) && match(f.Subset, r.Subset) &&
		match(f.Direction, r.Direction) && match(f.Type, r.Type) && match(f.Name, r.Name)
}

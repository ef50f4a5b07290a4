package proxyconfig

import (
	"cmp"
	"slices"
	"strings"
)

// EndpointRow is one endpoint of one cluster.
type EndpointRow struct {
	Endpoint     string         `json:"endpoint"` // "address:port" or "unix:///path"
	Host         string         `json:"host"`
	Port         int            `json:"port,omitempty"`
	Status       string         `json:"status"`                 // as Envoy says, e.g. "HEALTHY"
	OutlierCheck string         `json:"outlierCheck,omitempty"` // "OK" or "FAILED"; empty in a dump without statuses
	Cluster      string         `json:"cluster"`
	Weight       int            `json:"weight"`
	Priority     int            `json:"priority"`
	Locality     string         `json:"locality,omitempty"` // "region/zone/subzone"
	Stats        map[string]int `json:"stats,omitempty"`    // Envoy's counters and gauges of the host
}

// EndpointRows returns the rows of the endpoints that f selects, ordered by cluster, priority and address. Statuses (from
// /clusters) say more than the dump and replace it; nil takes the dump.
func (d *Dump) EndpointRows(statuses *Statuses, f Filter) []EndpointRow {
	var all []EndpointRow
	if statuses != nil {
		all = statuses.rows()
	} else {
		for _, r := range d.Endpoints {
			all = append(all, assignmentRows(r)...)
		}
	}
	rows := []EndpointRow{}
	for _, r := range all {
		if f.endpoint(r) {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b EndpointRow) int {
		return cmp.Or(strings.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Priority, b.Priority), strings.Compare(a.Endpoint, b.Endpoint))
	})
	return rows
}

func assignmentRows(r Resource) []EndpointRow {
	var rows []EndpointRow
	for _, group := range objects(r.Body, "endpoints") {
		for _, e := range objects(group, "lb_endpoints") {
			host, port := address(object(e, "endpoint", "address"))
			rows = append(rows, EndpointRow{
				Endpoint: hostPort(host, port), Host: host, Port: port, Cluster: r.Name,
				Status: health(e), Weight: max(number(e, "load_balancing_weight"), 1),
				Priority: number(group, "priority"), Locality: locality(object(group, "locality")),
			})
		}
	}
	return rows
}

// health: an endpoint of unknown health is used as a healthy one.
func health(endpoint Tree) string {
	switch s := text(endpoint, "health_status"); s {
	case "", "UNKNOWN":
		return "HEALTHY"
	default:
		return s
	}
}

func locality(t Tree) string {
	s := text(t, "region")
	for _, part := range []string{text(t, "zone"), text(t, "sub_zone")} {
		s += "/" + part
	}
	return strings.TrimRight(s, "/")
}

func (f Filter) endpoint(r EndpointRow) bool {
	return matchPort(f.Port, r.Port) && match(f.Cluster, r.Cluster) && match(f.Status, r.Status) &&
		(f.Address == "" || f.Address == r.Host || "unix://"+f.Address == r.Host) &&
		(f.FQDN == "" || strings.Contains(r.Cluster, f.FQDN))
}

package proxyconfig

import "strings"

// ExtensionRow is one extension configuration (ECDS).
type ExtensionRow struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // e.g. "envoy.extensions.filters.http.fault.v3.HTTPFault"
	State   State  `json:"state"`
	Version string `json:"version,omitempty"`
}

// ExtensionRows returns the rows of the extension configurations that f selects.
func (d *Dump) ExtensionRows(f Filter) []ExtensionRow {
	rows := []ExtensionRow{}
	for _, r := range d.Extensions {
		row := ExtensionRow{r.Name, typeName(text(r.Body, "typed_config", "@type")), r.State, r.Version}
		if match(f.Name, row.Name) && match(f.Type, row.Type) {
			rows = append(rows, row)
		}
	}
	return rows
}

func typeName(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// BootstrapRow is one fact of the bootstrap.
type BootstrapRow struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// BootstrapRows summarises the bootstrap: who the proxy is, and where its discovery comes from.
func (d *Dump) BootstrapRows() []BootstrapRow {
	if d.Bootstrap == nil {
		return []BootstrapRow{}
	}
	b := d.Bootstrap.Body
	rows := []BootstrapRow{
		{"node", text(b, "node", "id")},
		{"cluster", text(b, "node", "cluster")},
		{"locality", locality(object(b, "node", "locality"))},
		{"envoy", version(object(b, "node", "user_agent_build_version", "version"))},
		{"admin", hostPort(address(object(b, "admin", "address")))},
		{"discovery", discovery(b)},
		{"updated", d.Bootstrap.LastUpdated},
	}
	out := rows[:0]
	for _, r := range rows {
		if r.Value != "" {
			out = append(out, r)
		}
	}
	return out
}

// discovery names the cluster of the aggregated discovery service, or the files.
func discovery(bootstrap Tree) string {
	ads := object(bootstrap, "dynamic_resources", "ads_config")
	for _, s := range objects(ads, "grpc_services") {
		return strings.TrimSpace(text(ads, "api_type") + " " +
			first(text(s, "envoy_grpc", "cluster_name"), text(s, "google_grpc", "target_uri")))
	}
	for _, field := range []string{"cds_config", "lds_config"} {
		if path := text(bootstrap, "dynamic_resources", field, "path_config_source", "path"); path != "" {
			return "file " + path
		}
	}
	return ""
}

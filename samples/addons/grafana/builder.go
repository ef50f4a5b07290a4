package grafana

import "fmt"

// tag is what all of our dashboards have, by which they link to each other.
const tag = "meshctl"

// source is the choice of the data source at the top of each dashboard.
func source() *datasource { return &datasource{Type: "prometheus", UID: "${datasource}"} }

// build lays panels out from left to right and from top to bottom; a heading begins a new line.
func build(uid, title, description string, variables []Variable, panels ...Panel) Dashboard {
	first := Variable{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1}
	x, y, height := 0, 0, 0
	for i := range panels {
		p := &panels[i]
		p.ID = i + 1
		if p.Type == "row" || x+p.GridPos.W > 24 {
			x, y, height = 0, y+height, 0
		}
		p.GridPos.X, p.GridPos.Y = x, y
		x, height = x+p.GridPos.W, max(height, p.GridPos.H)
	}
	return Dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{tag}, Editable: true, SchemaVersion: 39, Refresh: "10s",
		Time: timeRange{"now-15m", "now"}, GraphTooltip: 1, Templating: templating{append([]Variable{first}, variables...)},
		Links:  []link{{Title: "Mesh", Type: "dashboards", Tags: []string{tag}, AsDropdown: true, KeepTime: true, IncludeVars: true}},
		Panels: panels,
	}
}

// variable is a choice among what a query gives; what is chosen of several stands in queries as a regular expression.
func variable(name, label, query string) Variable {
	return Variable{Name: name, Label: label, Type: "query", Query: query, Datasource: source(), Refresh: 2, Sort: 1}
}

// line is a query with its legend.
type line struct{ expr, legend string }

func targets(lines []line) []Target {
	var out []Target
	for i, l := range lines {
		out = append(out, Target{RefID: string(rune('A' + i)), Datasource: source(), Expr: l.expr, LegendFormat: l.legend, Range: true})
	}
	return out
}

func heading(title string) Panel {
	open := false
	return Panel{Title: title, Type: "row", GridPos: position{W: 24, H: 1}, Collapsed: &open}
}

// graph is a third of a line wide.
func graph(title, unit string, lines ...line) Panel {
	zero := 0.0
	return Panel{
		Title: title, Type: "timeseries", Datasource: source(), GridPos: position{W: 8, H: 8}, Targets: targets(lines),
		FieldConfig: &fieldConfig{Defaults: fieldDefaults{
			Unit: unit, Min: &zero, Custom: map[string]any{"lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": false},
		}, Overrides: []fieldOverride{}},
		Options: map[string]any{"legend": map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true}, "tooltip": map[string]any{"mode": "multi", "sort": "desc"}},
	}
}

// wide makes a panel as wide as a part of 24 columns.
func (p Panel) wide(columns int) Panel {
	p.GridPos.W = columns
	return p
}

func (p Panel) about(text string) Panel {
	p.Description = text
	return p
}

// number is one number, a sixth of a line wide. Below each step's value the color of the step before holds.
func number(title, unit, expr string, steps ...step) Panel {
	if len(steps) == 0 {
		steps = []step{{Color: "blue"}}
	}
	return Panel{
		Title: title, Type: "stat", Datasource: source(), GridPos: position{W: 4, H: 4}, Targets: targets([]line{{expr, ""}}),
		FieldConfig: &fieldConfig{Defaults: fieldDefaults{Unit: unit, Thresholds: &thresholds{"absolute", steps}}, Overrides: []fieldOverride{}},
		Options:     map[string]any{"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "graphMode": "area"},
	}
}

// from is a step that begins at a value.
func from(value float64, color string) step { return step{color, &value} }

// column is a query of a table, one value for each row.
type column struct{ title, unit, expr string }

// table joins queries by their labels, which are its first columns.
func table(title string, labels []column, values ...column) Panel {
	p := Panel{Title: title, Type: "table", Datasource: source(), GridPos: position{W: 24, H: 10}, FieldConfig: &fieldConfig{Overrides: []fieldOverride{}}, Options: map[string]any{"showHeader": true}}
	names, hidden, order := map[string]string{}, map[string]bool{"Time": true}, map[string]int{}
	for i, l := range labels {
		names[l.expr], order[l.expr] = l.title, i
	}
	for i, v := range values {
		ref := string(rune('A' + i))
		p.Targets = append(p.Targets, Target{RefID: ref, Datasource: source(), Expr: v.expr, Instant: true, Format: "table"})
		names["Value #"+ref], order["Value #"+ref] = v.title, len(labels)+i
		p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, fieldOverride{matcher{"byName", v.title}, []property{{"unit", v.unit}}})
	}
	p.Transformations = []transformation{
		{"merge", map[string]any{}},
		{"organize", map[string]any{"renameByName": names, "excludeByName": hidden, "indexByName": order}},
	}
	return p
}

// rate is a sum of what a counter grows by a second, by labels ("" for one sum).
func rate(metric, match, by string) string {
	if by != "" {
		by = " by (" + by + ")"
	}
	return fmt.Sprintf("sum%s (rate(%s{%s}[$__rate_interval]))", by, metric, match)
}

// quantile is a percentile of a histogram.
func quantile(q float64, metric, match, by string) string {
	if by != "" {
		by = ", " + by
	}
	return fmt.Sprintf("histogram_quantile(%g, sum by (le%s) (rate(%s_bucket{%s}[$__rate_interval])))", q, by, metric, match)
}

// failing adds to a match that the server, or the mesh on its behalf, failed.
func failing(match string) string { return match + `, response_code=~"5.."` }

// success is the share of requests that did not fail so, of 1. By is as in rate; without a failure there is no such series, hence "or".
func success(match, by string) string {
	all := rate(requests, match, by)
	return fmt.Sprintf("1 - (%s or 0 * %s) / %s", rate(requests, failing(match), by), all, all)
}

// The standard metrics (https://istio.io/latest/docs/reference/config/metrics/).
const (
	requests      = "istio_requests_total"
	durations     = "istio_request_duration_milliseconds"
	requestBytes  = "istio_request_bytes"
	responseBytes = "istio_response_bytes"
	tcpSent       = "istio_tcp_sent_bytes_total"
	tcpReceived   = "istio_tcp_received_bytes_total"
	tcpOpened     = "istio_tcp_connections_opened_total"
	tcpClosed     = "istio_tcp_connections_closed_total"
)

// latencies are the usual percentiles of one match.
func latencies(match string) []line {
	var out []line
	for _, q := range []struct {
		share float64
		name  string
	}{{0.5, "p50"}, {0.9, "p90"}, {0.95, "p95"}, {0.99, "p99"}} {
		out = append(out, line{quantile(q.share, durations, match, ""), q.name})
	}
	return out
}

// colors of a share of success.
func health() []step {
	return []step{{Color: "red"}, from(0.95, "orange"), from(0.99, "green")}
}

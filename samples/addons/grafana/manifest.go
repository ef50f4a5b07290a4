package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const generated = "# Generated from the package samples/addons/grafana by `go test ./samples/addons/grafana -update`: change it there.\n"

// Manifest is the ConfigMap from which Grafana takes the dashboards, as YAML.
func Manifest() ([]byte, error) {
	m := corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: "grafana-dashboards", Namespace: "istio-system", Labels: map[string]string{"app": "grafana", "app.kubernetes.io/name": "grafana"}},
		Data:       map[string]string{},
	}
	for _, d := range Dashboards() {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", " ")
		if err := encoder.Encode(d); err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", d.UID, err)
		}
		m.Data[d.UID+".json"] = text.String()
	}
	out, err := yaml.Marshal(m)
	return append([]byte(generated), out...), err
}

// Queries are the PromQL expressions of all panels, and the metrics of the variables.
func (d Dashboard) Queries() []string {
	var out []string
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			out = append(out, t.Expr)
		}
	}
	for _, v := range d.Templating.List {
		if inner, found := strings.CutPrefix(v.Query, "label_values("); found {
			metric := inner[:strings.LastIndex(inner, ",")]
			label := strings.Trim(inner[len(metric):], ", )")
			out = append(out, "count by ("+label+") ("+metric+")")
		}
	}
	return out
}

var (
	metric   = regexp.MustCompile(`\b((?:istio|envoy|pilot|citadel|process|go)_[a-z0-9_]+)(\{[^}]*\})?`)
	matching = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!=|!~|=)\s*"`)
	grouping = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// Names are the metrics in a PromQL expression of ours, each with the labels that it has to have.
func Names(expression string) map[string][]string {
	var groups []string
	for _, g := range grouping.FindAllStringSubmatch(expression, -1) {
		for label := range strings.SplitSeq(g[1], ",") {
			groups = append(groups, strings.TrimSpace(label))
		}
	}
	out := map[string][]string{}
	for _, m := range metric.FindAllStringSubmatch(grouping.ReplaceAllString(expression, ""), -1) {
		labels := slices.Concat(out[m[1]], groups)
		for _, l := range matching.FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		out[m[1]] = slices.Compact(labels)
	}
	return out
}

package translate

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// checkMetrics reports tags whose values are no expressions. They are left out; the others, and the other metrics, go on.
func (m *telemetryMerge) checkMetrics() {
	for _, o := range m.levels {
		m.notes.object = o.Key
		for i, metrics := range o.Spec.(*telemetry.Telemetry).GetMetrics() {
			for j, override := range metrics.GetOverrides() {
				path := field(field("spec.metrics", i)+".overrides", j) + ".tagOverrides"
				tags := override.GetTagOverrides()
				for _, name := range slices.Sorted(maps.Keys(tags)) {
					m.checkTag(tags[name], path+"["+name+"]")
				}
			}
		}
	}
}

func (m *telemetryMerge) checkTag(tag *telemetry.MetricsOverrides_TagOverride, path string) {
	if tag.GetOperation() == telemetry.MetricsOverrides_TagOverride_REMOVE {
		return
	}
	if tag.GetValue() == "" {
		m.notes.failAs(codes.SchemaError, path, "the tag has no value; it is left out", "write value, or operation: REMOVE")
		return
	}
	wrong := expressionProblem(tag.GetValue())
	if wrong == "" {
		return
	}
	fix := "write a CEL expression over Envoy's attributes, for example request.host"
	if meant := attributeMeant(tag.GetValue()); meant != "" {
		wrong, fix = strconv.Quote(tag.GetValue())+" is written like a command of access logs, which is no CEL expression", "write "+meant
	}
	m.notes.failAs(codes.TelemetryTag, path+".value", wrong+"; the tag is left out", fix)
}

var (
	// accessLogCommand is a command as access logs have it, "%REQ(X-ID)%", or as it is often written by mistake, "%{REQUEST_ID}".
	accessLogCommand = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^%\{?([A-Z][A-Z_]*)(?:\(([-:A-Za-z0-9]+)[^)]*\)|\[['"]([-A-Za-z0-9]+)['"]\])?\}?%?$`)
	})
	// attributeGroups are the first words of Envoy's attributes.
	attributeGroups = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(request|response|source|destination|connection|upstream)_(.+)$`)
	})
)

// attributeMeant is the CEL expression for what somebody wrote as a command of access logs; empty when nobody can know.
func attributeMeant(text string) string {
	match := accessLogCommand().FindStringSubmatch(text)
	if match == nil {
		return ""
	}
	name, key := strings.ToLower(match[1]), strings.ToLower(match[2]+match[3])
	switch name {
	case "req":
		return "request.headers['" + key + "']"
	case "resp":
		return "response.headers['" + key + "']"
	}
	group := attributeGroups().FindStringSubmatch(name)
	if group == nil {
		return ""
	}
	attribute := group[1] + "." + group[2]
	if key != "" {
		attribute += "['" + key + "']"
	}
	return attribute
}

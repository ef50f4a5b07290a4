package translate

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// checkTag reports a tag whose value is no expression. It is left out; the others, and the other metrics, go on.
func (m *telemetryMerge) checkTag(tag *telemetry.MetricsOverrides_TagOverride, path string) bool {
	if tag.GetOperation() == telemetry.MetricsOverrides_TagOverride_REMOVE {
		return true
	}
	if tag.GetValue() == "" {
		m.notes.failAs(codes.SchemaError, path, "the tag has no value; it is left out", "write value, or operation: REMOVE")
		return false
	}
	wrong := expressionProblem(tag.GetValue())
	if wrong == "" {
		return true
	}
	fix := "write a CEL expression over Envoy's attributes, for example request.host"
	if meant := attributeMeant(tag.GetValue()); meant != "" {
		wrong, fix = strconv.Quote(tag.GetValue())+" is written like a command of access logs, which is no CEL expression", "write "+meant
	}
	m.notes.failAs(codes.TelemetryTag, path+".value", wrong+"; the tag is left out", fix)
	return false
}

// commandSafe reports whether an expression can stand in a command of access logs.
func commandSafe(expression string) bool { return !strings.ContainsAny(expression, "%\n\x00") }

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

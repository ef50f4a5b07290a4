package translate

import (
	"slices"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"
	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// logRule is what the last object to name a provider says of it.
type logRule struct {
	disabled bool
	filter   string
	object   config.Key
	field    string // of the provider's name
}

// logs merges access logging. file: nobody says anything, and no provider is the default.
func (m *telemetryMerge) logs() (out []AccessLogger, file bool) {
	defaults := m.config.Mesh.GetDefaultProviders().GetAccessLogging()
	rules := map[string]logRule{}
	inScope, parents, said := slices.Clone(defaults), defaults, false
	for _, o := range m.levels {
		m.notes.object = o.Key
		var named []string
		spec := o.Spec.(*telemetry.Telemetry)
		said = said || len(spec.GetAccessLogging()) > 0
		for i, l := range spec.GetAccessLogging() {
			path := field("spec.accessLogging", i)
			names := providerNames(l.GetProviders())
			if len(names) == 0 {
				names = parents
			} else if m.concerns(l.GetMatch().GetMode()) {
				named = append(named, names...)
			}
			parents = names
			if !m.concerns(l.GetMatch().GetMode()) {
				continue
			}
			filter, ok := m.filter(l.GetFilter(), path)
			for j, name := range names {
				rules[name] = logRule{disabled: l.GetDisabled().GetValue() || !ok, filter: filter, object: o.Key, field: field(path+".providers", j) + ".name"}
			}
		}
		if len(named) > 0 {
			inScope = named
		}
	}
	if !said && len(defaults) == 0 {
		return nil, true
	}
	slices.Sort(inScope)
	for _, name := range slices.Compact(inScope) {
		rule, ruled := rules[name]
		if rule.disabled || !ruled && said && !slices.Contains(defaults, name) {
			continue
		}
		m.notes.object = rule.object
		if l, ok := m.logger(name, rule); ok {
			out = append(out, l)
		}
	}
	return out, false
}

func providerNames(refs []*telemetry.ProviderRef) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.GetName())
	}
	return out
}

// filter checks an expression: one that Envoy does not understand leaves the logger out rather than log everything.
func (m *telemetryMerge) filter(f *telemetry.AccessLogging_Filter, path string) (string, bool) {
	text := f.GetExpression()
	if text == "" {
		return "", true
	}
	if wrong := expressionProblem(text); wrong != "" {
		m.notes.failAs(codes.TelemetryTag, path+".filter.expression", wrong+"; nothing is logged by it", "write CEL over Envoy's attributes, for example response.code >= 400")
		return "", false
	}
	return text, true
}

// logger looks up what a provider of access logging needs.
func (m *telemetryMerge) logger(name string, rule logRule) (AccessLogger, bool) {
	at := rule.field
	if at == "" { // a default provider
		m.notes.object, at = configObject(m.config), "data[mesh].defaultProviders.accessLogging"
	}
	out := AccessLogger{Provider: m.provider(name), Filter: rule.filter}
	service := func(service string, port uint32) bool {
		_, out.Cluster = m.cluster(at, name, service, port)
		return out.Cluster != ""
	}
	switch p := out.Provider.GetProvider().(type) {
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyFileAccessLog:
		m.checkFileFormat(p.EnvoyFileAccessLog, name)
		return out, true
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyHttpAls:
		return out, service(p.EnvoyHttpAls.GetService(), p.EnvoyHttpAls.GetPort())
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyTcpAls:
		return out, service(p.EnvoyTcpAls.GetService(), p.EnvoyTcpAls.GetPort())
	case *meshconfig.MeshConfig_ExtensionProvider_EnvoyOtelAls:
		return out, service(p.EnvoyOtelAls.GetService(), p.EnvoyOtelAls.GetPort())
	case nil:
		m.unknown(at, name, "is not defined")
	default:
		m.unknown(at, name, "writes no access log")
	}
	return out, false
}

func (m *telemetryMerge) checkFileFormat(p *meshconfig.MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider, name string) {
	if _, wrong := fileFormat(p); wrong != "" {
		m.notes.object = configObject(m.config)
		m.notes.fail("data[mesh].extensionProviders", "the format of "+name+": "+strings.TrimSpace(wrong)+"; the default format takes its place", "see Envoy's documentation of access logs")
	}
}

package translate

import (
	"slices"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"
	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Telemetry is what is recorded of some connections: what Telemetry objects and the mesh's configuration say, merged, with the clusters
// of the services that records go to.
type Telemetry struct {
	// Logs write the access log. LogFile: nothing says who does, so MeshConfig's accessLogFile counts.
	Logs    []AccessLogger
	LogFile bool
	Tracing *Tracing // nil: no traces
	Metrics Metrics
	From    []config.Key
}

// AccessLogger is a provider of access logging.
type AccessLogger struct {
	Provider *meshconfig.MeshConfig_ExtensionProvider
	// Filter is a CEL expression; empty logs everything.
	Filter  string
	Cluster string // of a provider that is a service
}

// newTelemetry merges what holds for a workload of a namespace in one of its roles: the mesh's objects, the namespace's, then those that
// select the workload. See Istio's reference of Telemetry.
func newTelemetry(c *mesh.Config, namespace string, attached mesh.Attached, mode telemetry.WorkloadMode, lookup Lookup) (Telemetry, []config.Problem) {
	m := &telemetryMerge{config: c, mode: mode, lookup: lookup, notes: &problems{}}
	m.levels = telemetryLevels(attached, c.Mesh.GetRootNamespace(), namespace)
	var out Telemetry
	for _, o := range m.levels {
		out.From = append(out.From, o.Key)
	}
	out.Logs, out.LogFile = m.logs()
	out.Tracing = m.tracing()
	out.Metrics = m.metrics()
	return out, m.notes.list
}

// telemetryLevels are the objects that count, each overriding those before: of those for a whole namespace the oldest, and of those with
// a selector the ones in the workload's own namespace.
func telemetryLevels(attached mesh.Attached, root, namespace string) mesh.Attached {
	wide := map[string]*config.Object{}
	var selecting mesh.Attached
	for _, o := range attached {
		spec, ok := o.Spec.(*telemetry.Telemetry)
		switch {
		case !ok:
		case len(spec.GetSelector().GetMatchLabels()) > 0 || spec.GetTargetRef() != nil || len(spec.GetTargetRefs()) > 0:
			if o.Key.Namespace == namespace {
				selecting = append(selecting, o)
			}
		case wide[o.Key.Namespace] == nil:
			wide[o.Key.Namespace] = o
		}
	}
	var out mesh.Attached
	for _, ns := range []string{root, namespace} {
		if o := wide[ns]; o != nil && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return append(out, selecting...)
}

// telemetryMerge merges Telemetry objects for one role of a workload.
type telemetryMerge struct {
	config *mesh.Config
	mode   telemetry.WorkloadMode
	lookup Lookup
	levels mesh.Attached
	notes  *problems
}

func (m *telemetryMerge) concerns(mode telemetry.WorkloadMode) bool {
	return mode == telemetry.WorkloadMode_CLIENT_AND_SERVER || mode == m.mode
}

// provider finds one by name; "envoy" and "prometheus" need no definition.
func (m *telemetryMerge) provider(name string) *meshconfig.MeshConfig_ExtensionProvider {
	for _, p := range m.config.Mesh.GetExtensionProviders() {
		if strings.EqualFold(p.GetName(), name) {
			return p
		}
	}
	switch strings.ToLower(name) {
	case "envoy":
		return &meshconfig.MeshConfig_ExtensionProvider{Name: name, Provider: &meshconfig.MeshConfig_ExtensionProvider_EnvoyFileAccessLog{
			EnvoyFileAccessLog: &meshconfig.MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider{Path: "/dev/stdout"},
		}}
	case "prometheus":
		return &meshconfig.MeshConfig_ExtensionProvider{Name: name, Provider: &meshconfig.MeshConfig_ExtensionProvider_Prometheus{
			Prometheus: &meshconfig.MeshConfig_ExtensionProvider_PrometheusMetricsProvider{},
		}}
	}
	return nil
}

// unknown reports a provider that the MeshConfig does not have, or that cannot do what is asked of it.
func (m *telemetryMerge) unknown(field, name, what string) {
	var known []string
	for _, p := range m.config.Mesh.GetExtensionProviders() {
		known = append(known, p.GetName())
	}
	fix := "define it under extensionProviders in the MeshConfig"
	if len(known) > 0 {
		fix += ", which has " + strings.Join(known, ", ")
	}
	m.notes.fail(field, "the provider "+name+" "+what, fix)
}

// cluster finds the cluster of a provider's service and reports when there is none.
func (m *telemetryMerge) cluster(field, provider, service string, port uint32) (host, cluster string) {
	host, cluster = providerCluster(service, port, m.lookup)
	if cluster == "" {
		m.notes.fail(field, "the service "+HostPort(service, port)+" of the provider "+provider+" is not visible to the workload; the provider gets nothing",
			"create the Service or ServiceEntry, or correct the provider's service and port")
	}
	return host, cluster
}

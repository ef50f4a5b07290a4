package agent

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/agent/metrics"
)

// Variables by which Envoy knows what proxies with the same configuration differ in. The names are those of Istio's sidecars;
// OTEL_RESOURCE_ATTRIBUTES is OpenTelemetry's.
const (
	variableService    = "CANONICAL_SERVICE"
	variableRevision   = "CANONICAL_REVISION"
	variableNamespace  = "POD_NAMESPACE"
	variableMeshID     = "ISTIO_META_MESH_ID"
	variableClusterID  = "ISTIO_META_CLUSTER_ID"
	variableAttributes = "OTEL_RESOURCE_ATTRIBUTES"
	variablePeer       = "MESHCTL_PEER" // who calls, as servers' proxies are told: see metrics.Peer
)

// environment is what Envoy is told by variables, besides the agent's own: who the workload is, and the entries of proxyMetadata, which
// win. Tags of spans read it.
func (o Options) environment(metadata map[string]string) []string {
	service := o.canonicalService()
	all := map[string]string{
		variableService: service, variableRevision: o.canonicalRevision(), variableNamespace: o.Namespace,
		variableMeshID: cmp.Or(o.MeshID, "unknown"), variableClusterID: cmp.Or(o.ClusterID, "unknown"),
		variablePeer: o.peer().String(),
	}
	maps.Copy(all, metadata)
	if !strings.Contains(all[variableAttributes], "service.name=") {
		all[variableAttributes] = strings.TrimSuffix("service.name="+service+"."+o.Namespace+","+all[variableAttributes], ",")
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name != "" && !strings.ContainsAny(name, "=\x00") && !strings.Contains(all[name], "\x00") {
			out = append(out, name+"="+all[name])
		}
	}
	return out
}

// canonicalService is Istio's canonical name of a workload's service: from its labels, else the workload's own.
func (o Options) canonicalService() string {
	return cmp.Or(o.Labels["service.istio.io/canonical-name"], o.Labels["app.kubernetes.io/name"], o.Labels["app"], o.Workload, o.Name)
}

func (o Options) canonicalRevision() string {
	return cmp.Or(o.Labels["service.istio.io/canonical-revision"], o.Labels["app.kubernetes.io/version"], o.Labels["version"], "latest")
}

// peer is who the workload is in the standard metrics.
func (o Options) peer() metrics.Peer {
	return metrics.Peer{
		Workload: cmp.Or(o.Workload, o.Name), Namespace: o.Namespace, App: o.canonicalService(), Version: o.canonicalRevision(),
		Cluster: cmp.Or(o.ClusterID, "Kubernetes"), Principal: o.identity().String(),
	}
}

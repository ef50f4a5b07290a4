package bootstrap

import (
	"strings"
)

// IstioVersion is the release of Istio's API that the proxy follows. EnvoyFilter's match.proxy.proxyVersion sees it as the
// node metadata ISTIO_VERSION.
const IstioVersion = "1.31.0"

const (
	// TypeSidecar is the proxy next to one workload.
	TypeSidecar = "sidecar"
	// TypeRouter is a gateway.
	TypeRouter = "router"

	// ModeRedirect says that the kernel sends the workload's traffic to the proxy (INTERCEPTION_MODE of Istio).
	ModeRedirect = "REDIRECT"
	// ModeNone says that programs address the proxy's listeners themselves.
	ModeNone = "NONE"
)

// Node is who the proxy is, as the control plane sees it in Envoy's node message. The metadata keys are Istio's.
type Node struct {
	// Type is TypeSidecar or TypeRouter.
	Type string
	// Address is the workload's first IP; it is part of the node id.
	Address   string
	Name      string
	Namespace string
	// Domain is the DNS suffix of services, "cluster.local" when empty.
	Domain         string
	ServiceAccount string
	Labels         map[string]string
	// Annotations of the workload, as a pod has them.
	Annotations map[string]string
	// Workload is the name of the owner (Deployment, WorkloadGroup); Name when empty.
	Workload string
	// Mode is ModeRedirect or ModeNone.
	Mode string
	// ClusterID, MeshID and Network place the workload in a mesh of several clusters; may be empty.
	ClusterID string
	MeshID    string
	Network   string
	// Locality is "region/zone/subzone", trailing parts optional.
	Locality string
	// IPs are all addresses of the workload; Address alone when empty.
	IPs []string
	// ProxyConfig is what the user set of istio.mesh.v1alpha1.ProxyConfig, under its JSON names.
	ProxyConfig map[string]any
	// Metadata is more of it, under keys that have no meaning here: ISTIO_META_KEY in proxyMetadata.
	Metadata map[string]string
	// Version is the agent's own version.
	Version string
}

// ID is the node id: "sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.DOMAIN".
func (n Node) ID() string {
	return n.Type + "~" + n.Address + "~" + n.Name + "." + n.Namespace + "~" + n.Namespace + ".svc." + n.domain()
}

func (n Node) domain() string {
	if n.Domain == "" {
		return "cluster.local"
	}
	return n.Domain
}

// cluster is Envoy's --service-cluster: the app label (or the workload's name) and the namespace.
func (n Node) cluster() string {
	for _, name := range []string{n.Labels["app"], n.Labels["app.kubernetes.io/name"], n.Workload} {
		if name != "" {
			return name + "." + n.Namespace
		}
	}
	return n.Name + "." + n.Namespace
}

// Document is the node as envoy.config.core.v3.Node in proto3 JSON.
func (n Node) Document() map[string]any {
	node := object{"id": n.ID(), "cluster": n.cluster(), "metadata": n.metadata()}
	if n.Locality != "" {
		parts := append(strings.SplitN(n.Locality, "/", 3), "", "")
		locality := object{}
		for i, key := range []string{"region", "zone", "sub_zone"} {
			if parts[i] != "" {
				locality[key] = parts[i]
			}
		}
		node["locality"] = locality
	}
	return node
}

func (n Node) metadata() object {
	ips := n.IPs
	if len(ips) == 0 {
		ips = []string{n.Address}
	}
	workload := n.Workload
	if workload == "" {
		workload = n.Name
	}
	meta := object{
		"NAME":              n.Name,
		"NAMESPACE":         n.Namespace,
		"SERVICE_ACCOUNT":   n.ServiceAccount,
		"LABELS":            strs(n.Labels),
		"WORKLOAD_NAME":     workload,
		"INTERCEPTION_MODE": n.Mode,
		"INSTANCE_IPS":      strings.Join(ips, ","),
		"ISTIO_VERSION":     IstioVersion,
	}
	for key, value := range map[string]string{
		"CLUSTER_ID": n.ClusterID, "MESH_ID": n.MeshID, "NETWORK": n.Network, "AGENT_VERSION": n.Version,
	} {
		if value != "" {
			meta[key] = value
		}
	}
	if len(n.Annotations) > 0 {
		meta["ANNOTATIONS"] = strs(n.Annotations)
	}
	if len(n.ProxyConfig) > 0 {
		meta["PROXY_CONFIG"] = n.ProxyConfig
	}
	for key, value := range n.Metadata {
		if _, ours := meta[key]; !ours {
			meta[key] = value
		}
	}
	return meta
}

func strs(in map[string]string) object {
	out := object{}
	for k, v := range in {
		out[k] = v
	}
	return out
}

package inject

import (
	"cmp"
	"maps"
	"strings"
)

const (
	networkLabel  = "topology.istio.io/network"
	nameLabel     = "service.istio.io/canonical-name"
	revisionLabel = "service.istio.io/canonical-revision"
	tlsLabel      = "security.istio.io/tlsMode"
	longestLabel  = 63
)

// revision is the name of the control plane, also where it has none.
func (p *pod) revision() string { return cmp.Or(p.Revision, "default") }

// metadata adds labels and annotations. Those that the pod has stay, the revision's annotation aside.
func (p *pod) metadata() error {
	labels := map[string]string{}
	own := p.out.Labels
	labels[nameLabel] = strings.Trim(clip(cmp.Or(own["app.kubernetes.io/name"], own["app"], p.Workload)), "-_.")
	labels[revisionLabel] = cmp.Or(own["app.kubernetes.io/version"], own["version"], "latest")
	labels[RevisionLabel] = p.revision()
	if !p.gateway {
		labels[tlsLabel] = "istio"
	}
	if network := p.network(); network != "" {
		labels[networkLabel] = network
	}
	annotations := maps.Clone(p.Settings.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	for _, c := range p.out.Spec.Containers {
		if c.Name != ProxyContainer {
			annotations["kubectl.kubernetes.io/default-container"] = c.Name
			annotations["kubectl.kubernetes.io/default-logs-container"] = c.Name
			break
		}
	}
	delete(p.out.Annotations, RevisionLabel)
	annotations[RevisionLabel] = p.revision()
	p.added.labels = add(&p.out.Labels, labels, p.added.labels)
	p.added.annotations = add(&p.out.Annotations, annotations, p.added.annotations)
	return nil
}

func clip(s string) string { return s[:min(len(s), longestLabel)] }

// network is what the pod, else the webhook's path, else the settings say.
func (p *pod) network() string {
	return cmp.Or(p.out.Labels[networkLabel], p.Network, p.Settings.Values.Global.Network)
}

func (p *pod) cluster() string {
	return cmp.Or(p.Cluster, p.Settings.Values.Global.MultiCluster.ClusterName, "Kubernetes")
}

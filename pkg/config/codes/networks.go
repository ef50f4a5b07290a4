package codes

// The codes of NetworkPolicies against what a mesh needs.
const (
	BlocksDNS          Code = "MSH0601"
	BlocksControlPlane Code = "MSH0602"
	BlocksMesh         Code = "MSH0603"
	BlocksHealth       Code = "MSH0604"
	PoliciesDisagree   Code = "MSH0605"
)

func networks() []Description {
	return []Description{
		{BlocksDNS, Warning, "NetworkPolicy blocks DNS",
			"The NetworkPolicies that select the pods leave them no way to a name server. Programs in them cannot resolve names, and nor can their proxies.",
			"Add an egress rule to port 53, UDP and TCP, of the namespace kube-system."},
		{BlocksControlPlane, Warning, "NetworkPolicy blocks the control plane",
			"The NetworkPolicies that select the pods leave their proxies no way to the control plane. New pods get no certificate and no configuration and never become ready; running ones keep what they have until the certificate ends.",
			"Add an egress rule to port 15012, TCP, of the control plane's namespace, and let it in there."},
		{BlocksMesh, Warning, "NetworkPolicy blocks traffic of the mesh",
			"The NetworkPolicies that select the pods let no other pod of the mesh reach the ports of their services, or let them reach none.",
			"Add ingress rules for the ports of the services from the namespaces of their callers, and egress rules in the callers' namespaces."},
		{BlocksHealth, Warning, "NetworkPolicy blocks health or metrics ports",
			"Somebody in the cluster is meant to read the metrics of the pods, and the NetworkPolicies let nobody reach the port. The probes of the kubelet are not concerned: they come from the node itself.",
			"Add an ingress rule for the port from the namespace of the metrics' reader."},
		{PoliciesDisagree, Warning, "NetworkPolicy and AuthorizationPolicy disagree",
			"The AuthorizationPolicy admits callers from a namespace whose packets the NetworkPolicies drop before any proxy sees them. The callers get timeouts instead of answers.",
			"Let the namespace in by an ingress rule with a namespaceSelector, or take it out of the AuthorizationPolicy."},
	}
}

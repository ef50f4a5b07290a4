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
			"",
			""},
		{BlocksControlPlane, Warning, "NetworkPolicy blocks the control plane",
			"",
			""},
		{BlocksMesh, Warning, "NetworkPolicy blocks traffic of the mesh",
			"",
			""},
		{BlocksHealth, Warning, "NetworkPolicy blocks health or metrics ports",
			"",
			""},
		{PoliciesDisagree, Warning, "NetworkPolicy and AuthorizationPolicy disagree",
			"",
			""},
	}
}

package codes

// The codes of routes: VirtualServices, Sidecars and what they lead to.
const (
	ReferenceNotFound           Code = "IST0101"
	VirtualServiceConflict      Code = "IST0109"
	MissingPort                 Code = "IST0112"
	RouteUnreachable            Code = "IST0130"
	MatchOverlaps               Code = "IST0131"
	HostNotOnGateway            Code = "IST0132"
	ClaimsWithoutAuthentication Code = "IST0149"
	SidecarConflict             Code = "IST0110"
	SidecarDefaults             Code = "IST0111"
	WeightsOff                  Code = "MSH0401"
	RouteShadowed               Code = "MSH0402"
	HostShadowed                Code = "MSH0403"
	TimeoutInversion            Code = "MSH0404"
	RetryAmplification          Code = "MSH0405"
	HostHidden                  Code = "MSH0406"
)

func routing() []Description {
	return []Description{
		{ReferenceNotFound, Error, "Referenced object not found",
			"",
			""},
		{VirtualServiceConflict, Error, "Two VirtualServices route one host",
			"",
			""},
		{MissingPort, Error, "Destination without a port",
			"",
			""},
		{RouteUnreachable, Warning, "Rule is never reached",
			"",
			""},
		{MatchOverlaps, Info, "Match is repeated or overlaps",
			"",
			""},
		{HostNotOnGateway, Warning, "Host is not served by the Gateway",
			"",
			""},
		{ClaimsWithoutAuthentication, Error, "Routing by JWT claims without RequestAuthentication",
			"",
			""},
		{SidecarConflict, Error, "Several Sidecars select one workload",
			"",
			""},
		{SidecarDefaults, Error, "Several Sidecars without a selector",
			"",
			""},
		{WeightsOff, Warning, "Weights do not add up",
			"",
			""},
		{RouteShadowed, Warning, "Route can never match",
			"",
			""},
		{HostShadowed, Warning, "Wildcard host is shadowed",
			"",
			""},
		{TimeoutInversion, Warning, "Caller gives up before the callee",
			"",
			""},
		{RetryAmplification, Warning, "Retries multiply along a call path",
			"",
			""},
		{HostHidden, Warning, "Sidecar hides a routed host",
			"",
			""},
	}
}

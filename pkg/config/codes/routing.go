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
			"A field names an object, a host, a port, a subset or labels that do not exist in the mesh, or that this object is not allowed to see. What depends on the reference does not work: requests to a destination that is not there get 503, a gateway that is not there serves nothing.",
			"Correct the name, or create what it refers to."},
		{VirtualServiceConflict, Error, "Two VirtualServices route one host",
			"Two VirtualServices route the same host on sidecars and are visible to the same clients. Only at gateways are VirtualServices of one host merged; on sidecars the oldest counts and the routes of the others have no effect.",
			"Merge the VirtualServices, remove one, or limit them to different namespaces by exportTo."},
		{MissingPort, Error, "Destination without a port",
			"A destination names a service that has several ports, and no port. Which one is used then depends on the port that the client addressed, and behind a gateway that is rarely one that the service has.",
			"Add port.number to the destination."},
		{RouteUnreachable, Warning, "Rule is never reached",
			"A rule comes after one that takes everything, or all of its matches stand in rules before it. Rules are tried in order, so it is never used.",
			"Remove the rule, or put the more specific rules first and the one without matches last."},
		{MatchOverlaps, Info, "Match is repeated or overlaps",
			"A match repeats one that comes before it, or its prefix begins with that of an earlier match that says the same otherwise. The first match counts, this one has no effect.",
			"Remove the match, or put the more specific one first."},
		{HostNotOnGateway, Warning, "Host is not served by the Gateway",
			"A VirtualService is bound to a Gateway of whose hosts it has none, or which does not let its namespace serve them. Nothing of the VirtualService is in force at that gateway, and its hosts answer with 404 there.",
			"Add the hosts to the Gateway's servers, or correct spec.hosts or spec.gateways."},
		{ClaimsWithoutAuthentication, Error, "Routing by JWT claims without RequestAuthentication",
			"Rules look at claims of the request's token, but no RequestAuthentication holds for the gateway that serves them. Nothing verifies tokens there, no claims are known, and the rules never match.",
			"Create a RequestAuthentication whose selector matches the gateway's labels."},
		{SidecarConflict, Error, "Several Sidecars select one workload",
			"Several Sidecars of a namespace select the same workload. One workload has one Sidecar; Istio leaves open which, and here the oldest holds.",
			"Make the selectors exclude each other, or merge the Sidecars."},
		{SidecarDefaults, Error, "Several Sidecars without a selector",
			"A namespace has several Sidecars without a workloadSelector. There can be one default for a namespace; Istio leaves open which it is, and here it is the oldest.",
			"Keep one of them, or give the others a workloadSelector."},
		{WeightsOff, Warning, "Weights do not add up",
			"The weights of a route's destinations are not what they look like. They count as parts of their sum: weights that read as percentages and do not add up to 100 split the traffic otherwise than they say, a single destination gets everything whatever its weight, and with no weight at all requests get 503.",
			"Write weights that add up to 100."},
		{RouteShadowed, Warning, "Route can never match",
			"Every request that a rule could match is matched by an earlier one: a shorter prefix, an expression, fewer conditions, or a rule of another VirtualService with which it is merged at a gateway. The rule never counts, although its text is different.",
			"Put the narrower rule first, or narrow the earlier one."},
		{HostShadowed, Warning, "Wildcard host is shadowed",
			"A sidecar follows one VirtualService for a host: that of the most specific name. One for a wildcard does not hold for hosts that another VirtualService names more precisely, not even for requests that match no rule there.",
			"Repeat the rules in the more specific VirtualService, or remove what never holds."},
		{TimeoutInversion, Warning, "Caller gives up before the callee",
			"A route gives up before what it waits for can end: its timeout is shorter than its own retries may take, or than the timeout of the calls that the service makes in turn. Work goes on for a client that has left, and retries that are configured never happen.",
			"Make the outer timeout longer than what happens within it."},
		{RetryAmplification, Warning, "Retries multiply along a call path",
			"Retries multiply along a path of calls: when the last service of it fails, each request at its beginning becomes dozens of requests there. That keeps an overloaded service down.",
			"Retry at one place of the path only, and set attempts: 0 or few at the others."},
		{HostHidden, Warning, "Sidecar hides a routed host",
			"A Sidecar limits what its workloads see, and a host that a VirtualService of their namespace routes for them is not among it. The VirtualService has no effect for them: requests go out as to an unknown host, or are refused.",
			"Add the host to the hosts of an egress listener of the Sidecar."},
	}
}

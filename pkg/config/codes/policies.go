package codes

// The codes of policies: authentication, authorization and telemetry.
const (
	PolicySelectsNothing     Code = "IST0127"
	TelemetryWithoutProvider Code = "IST0157"
	TelemetryConflict        Code = "IST0159"
	TelemetryDefaults        Code = "IST0160"
	PolicyWithoutEffect      Code = "IST0167"
	UnrestrictedJWKS         Code = "IST0175"
	PlaintextCallers         Code = "MSH0501"
	HTTPPolicyOnTCP          Code = "MSH0502"
	AdmitsNobody             Code = "MSH0503"
	AllowNothing             Code = "MSH0504"
	RuleSwallowed            Code = "MSH0505"
	TelemetryTag             Code = "MSH0506"
	TokenNotDemanded         Code = "MSH0507"
	SelectorMatchesNothing   Code = "MSH0508"
)

func policies() []Description {
	return []Description{
		{PolicySelectsNothing, Warning, "Policy selects no workload",
			"No workload of the mesh has the labels that the AuthorizationPolicy selects, or its namespace has none at all. The policy protects nothing: a DENY that selects nothing denies nothing, and what an ALLOW was to close stays open.",
			"Correct spec.selector.matchLabels, or label the pods; a policy selects in its own namespace only, except in the root namespace."},
		{TelemetryWithoutProvider, Warning, "Telemetry provider is empty",
			"An entry of accessLogging names no provider, and the mesh's configuration has no default one. The entry has no effect: nothing is logged by it.",
			"Name a provider, for example providers: [{name: envoy}], or set defaultProviders.accessLogging in the MeshConfig."},
		{TelemetryConflict, Error, "Several Telemetries select one workload",
			"Two Telemetry objects of a namespace select the same workload. Which of them wins where they contradict each other is not defined.",
			"Give the workload one Telemetry: merge them, or narrow the selectors."},
		{TelemetryDefaults, Error, "Several Telemetries without a selector",
			"A namespace has several Telemetry objects that hold for all of it. Only one of them, the oldest, has an effect.",
			"Merge them into one, or give the others selectors."},
		{PolicyWithoutEffect, Warning, "Policy has no effect",
			"The Sidecar holds for workloads in ambient mode. They have no sidecar that it could shape, so it does nothing for them.",
			"Remove the Sidecar, or take the workloads out of ambient mode."},
		{UnrestrictedJWKS, Warning, "Keys may be fetched from anywhere",
			"RequestAuthentications name where the keys of tokens are fetched, and istiod fetches them from any address: whoever may write such an object can make it send requests to internal addresses.",
			"Set BLOCKED_CIDRS_IN_JWKS_URIS in istiod's environment to the ranges that are off limits."},
		{PlaintextCallers, Warning, "STRICT mutual TLS shuts out known callers",
			"The workload takes mutual TLS only, while the configuration itself names somebody who calls it in plaintext: a caller without a sidecar, the kubelet's probes, or a scraper of metrics. Their connections are reset.",
			"Give the caller a sidecar, or make the port PERMISSIVE with portLevelMtls."},
		{HTTPPolicyOnTCP, Warning, "HTTP condition on a port that is not HTTP",
			"The rule asks for methods, paths, hosts, headers or tokens, which connections to a TCP port do not have. There an ALLOW rule admits nobody by it, and a DENY rule counts as if it did not ask.",
			"Name the HTTP ports in the rule's operations, write a rule for the TCP port that asks for principals, namespaces, addresses and ports only, or declare the port's protocol if it is HTTP."},
		{AdmitsNobody, Warning, "Policies admit nobody",
			"What the rule asks for contradicts itself, or everything that it would allow is denied by a DENY policy for the same workloads. Nobody gets in by it.",
			"Correct the values that exclude each other, or narrow the DENY policy."},
		{AllowNothing, Warning, "Policy allows nothing, perhaps by accident",
			"An ALLOW policy without rules allows nothing, and with it every request is refused that no other ALLOW policy admits. An object that is meant so says it by its name or by an empty spec; this one looks as if its rules were lost.",
			"Write the rules under spec.rules, or rules: [{}] to allow everything. A policy that is meant to allow nothing is usually called allow-nothing."},
		{RuleSwallowed, Warning, "Rule makes others nearly meaningless",
			"Rules of a policy, and the entries of from and to, are alternatives: one that matches is enough. This rule asks for so little that it decides nearly alone; the others, narrower as they look, add next to nothing.",
			"To ask for all of it, write from, to and when into one rule (one entry of the list)."},
		{TelemetryTag, Error, "Telemetry expression that Envoy cannot parse",
			"The value of a metric's tag or the filter of an access log is no CEL expression of the sort that Envoy evaluates, or a tag of traces has no usable value. The tag, or the log, is left out; the rest is in force.",
			"Write CEL over Envoy's attributes, for example request.host or request.headers['user-id']."},
		{TokenNotDemanded, Info, "Requests without a token pass",
			"A RequestAuthentication refuses wrong tokens, but takes requests without any. No AuthorizationPolicy that is known holds for its workloads, so nothing demands a token.",
			"If a token is needed, add an AuthorizationPolicy that allows from.source.requestPrincipals: [\"*\"]."},
		{SelectorMatchesNothing, Warning, "Selector selects no workload",
			"No workload in the namespace has the labels that the object selects. It has no effect.",
			"Correct the labels of the selector, or those of the pods."},
	}
}

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
)

func policies() []Description {
	return []Description{
		{PolicySelectsNothing, Warning, "Policy selects no workload",
			"",
			""},
		{TelemetryWithoutProvider, Warning, "Telemetry provider is empty",
			"",
			""},
		{TelemetryConflict, Error, "Several Telemetries select one workload",
			"",
			""},
		{TelemetryDefaults, Error, "Several Telemetries without a selector",
			"",
			""},
		{PolicyWithoutEffect, Warning, "Policy has no effect",
			"",
			""},
		{UnrestrictedJWKS, Warning, "Keys may be fetched from anywhere",
			"",
			""},
		{PlaintextCallers, Warning, "STRICT mutual TLS shuts out known callers",
			"",
			""},
		{HTTPPolicyOnTCP, Warning, "HTTP condition on a port that is not HTTP",
			"",
			""},
		{AdmitsNobody, Warning, "Policies admit nobody",
			"",
			""},
		{AllowNothing, Warning, "Policy allows nothing, perhaps by accident",
			"",
			""},
		{RuleSwallowed, Warning, "Rule makes others nearly meaningless",
			"",
			""},
		{TelemetryTag, Error, "Telemetry tag that Envoy cannot parse",
			"",
			""},
	}
}

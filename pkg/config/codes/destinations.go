package codes

// The codes of destinations: DestinationRules and ServiceEntries.
const (
	NoAuthorities         Code = "IST0128"
	NoAuthoritiesPort     Code = "IST0129"
	EntryNeedsAddresses   Code = "IST0134"
	SubsetEmpty           Code = "IST0173"
	RuleWithoutService    Code = "IST0174"
	EntryProtocolConflict Code = "IST0177"
	TLSContradiction      Code = "MSH0411"
	EjectsEverything      Code = "MSH0412"
	RulePrecedence        Code = "MSH0413"
	NoScoping             Code = "MSH0414"
)

func destinations() []Description {
	return []Description{
		{NoAuthorities, Warning, "TLS origination without authorities",
			"",
			""},
		{NoAuthoritiesPort, Warning, "TLS origination without authorities on a port",
			"",
			""},
		{EntryNeedsAddresses, Warning, "ServiceEntry needs addresses",
			"",
			""},
		{SubsetEmpty, Error, "Subset selects no pod",
			"",
			""},
		{RuleWithoutService, Warning, "DestinationRule matches no service",
			"",
			""},
		{EntryProtocolConflict, Warning, "ServiceEntries disagree about a protocol",
			"",
			""},
		{TLSContradiction, Error, "TLS mode contradicts PeerAuthentication",
			"",
			""},
		{EjectsEverything, Warning, "No endpoint may be left",
			"",
			""},
		{RulePrecedence, Warning, "DestinationRules take precedence over each other",
			"",
			""},
		{NoScoping, Info, "Large mesh without Sidecar scoping",
			"",
			""},
	}
}

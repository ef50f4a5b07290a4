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
			"The rule makes proxies originate TLS and names no authorities for the server's certificate. Without caCertificates proxies can do no more than trust the public authorities of the machine that they run on, and nothing at all is verified with insecureSkipVerify. Sidecars read a credentialName only for a rule with a workloadSelector.",
			"Set tls.caCertificates to the file of the authorities that sign for the host, or credentialName together with a workloadSelector."},
		{NoAuthoritiesPort, Warning, "TLS origination without authorities on a port",
			"The settings of one port make proxies originate TLS and name no authorities for the server's certificate; those of the destination as a whole do not hold for a port that has its own.",
			"Set tls.caCertificates in the portLevelSettings of the port, or credentialName together with a workloadSelector."},
		{EntryNeedsAddresses, Warning, "ServiceEntry needs addresses",
			"A TCP port (or one without a protocol) of a ServiceEntry can tell its connections from others only by their destination address. Without addresses the entry takes every connection to the port, whatever host it was meant for.",
			"Add spec.addresses, or declare a protocol that names the host: HTTP, HTTPS, TLS or GRPC."},
		{SubsetEmpty, Error, "Subset selects no pod",
			"No workload and no endpoint of the service has the labels of the subset. Requests that are routed to the subset get 503.",
			"Use labels that the workloads of the service have, or remove the subset and the routes to it."},
		{RuleWithoutService, Warning, "DestinationRule matches no service",
			"No service of the mesh has the host of the rule, or none that the rule's clients can see. The rule has no effect. A short name stands for a service in the rule's own namespace.",
			"Correct spec.host (write NAME.NAMESPACE.svc.cluster.local for a service of another namespace), or create the Service or ServiceEntry."},
		{EntryProtocolConflict, Warning, "ServiceEntries disagree about a protocol",
			"Several ServiceEntries that the same clients see give one port of one host different protocols. Only one of them can hold, and which one may change with the order of creation: HTTP routes may be ignored, or other traffic be broken.",
			"Declare one protocol in all of them."},
		{TLSContradiction, Error, "TLS mode contradicts PeerAuthentication",
			"The rule tells clients to connect in a way that the destination does not accept: in plaintext, or without a certificate of the mesh, where PeerAuthentication demands mutual TLS; or with mutual TLS where the proxy does not terminate it or there is no proxy. Every such request is answered 503.",
			"Remove trafficPolicy.tls: proxies then use what each endpoint takes. Or make the PeerAuthentication and the mode agree."},
		{EjectsEverything, Warning, "No endpoint may be left",
			"Outlier detection with maxEjectionPercent 100 and minHealthPercent 0 may take every endpoint out of service at once, and the service has so few that this is likely: one bad moment of the last one makes a full outage of baseEjectionTime.",
			"Lower maxEjectionPercent, set minHealthPercent (then all endpoints are used when too few are left), or run more endpoints."},
		{RulePrecedence, Warning, "DestinationRules take precedence over each other",
			"For one client and one host a single DestinationRule counts: the one of the client's namespace, else of the service's, else of the root namespace; at each the most specific host, then the oldest. Rules of one namespace for the same host are merged, except for what the older one says already. What the finding names never counts.",
			"Merge the rules into one, or remove the one that never counts."},
		{NoScoping, Info, "Large mesh without Sidecar scoping",
			"Without Sidecar resources every proxy is sent every service of the mesh, and every change of any of them. In a large mesh that is most of the proxies' memory and of the control plane's work.",
			"Create a Sidecar in each namespace, or one in the root namespace, whose egress.hosts lists what the workloads call; or limit services with exportTo."},
	}
}

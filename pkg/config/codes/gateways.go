package codes

// The codes of gateways: Istio Gateways, the Gateway API, Ingresses and their certificates.
const (
	SharedCertificate   Code = "IST0138"
	SubsetOnGateway     Code = "IST0140"
	GatewayConflict     Code = "IST0145"
	InvalidCredential   Code = "IST0161"
	PortNotOnService    Code = "IST0162"
	InternalGateway     Code = "IST0165"
	IneffectiveSelector Code = "IST0166"
	NegativeStatus      Code = "IST0171"
	OldGatewayAPI       Code = "IST0176"
	CertificateExpired  Code = "MSH0421"
	CertificateExpiring Code = "MSH0422"
	CertificateNames    Code = "MSH0423"
)

func gateways() []Description {
	return []Description{
		{SharedCertificate, Warning, "One certificate on several gateways",
			"",
			""},
		{SubsetOnGateway, Warning, "Subset route has no effect on a gateway",
			"",
			""},
		{GatewayConflict, Error, "Gateways conflict",
			"",
			""},
		{InvalidCredential, Error, "Invalid gateway credential",
			"",
			""},
		{PortNotOnService, Warning, "Gateway port is not on its Service",
			"",
			""},
		{InternalGateway, Warning, "VirtualService refers to a generated gateway",
			"",
			""},
		{IneffectiveSelector, Warning, "Selector has no effect on a Kubernetes Gateway",
			"",
			""},
		{NegativeStatus, Warning, "Negative status condition",
			"",
			""},
		{OldGatewayAPI, Warning, "Gateway API definitions are too old",
			"",
			""},
		{CertificateExpired, Error, "Certificate has expired",
			"",
			""},
		{CertificateExpiring, Warning, "Certificate expires soon",
			"",
			""},
		{CertificateNames, Warning, "Certificate does not cover the hosts",
			"",
			""},
	}
}

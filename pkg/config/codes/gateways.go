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
			"Several Gateways of the same proxies serve with one certificate. A browser that has an HTTP/2 connection for one of their hosts uses it for every other host that the certificate names, but each server knows its own hosts only: requests for the others get 404.",
			"Put all hosts of the certificate into the servers of one Gateway, or give each Gateway a certificate of its own that names its hosts only."},
		{SubsetOnGateway, Warning, "Subset route has no effect on a gateway",
			"A route of a gateway leads to a host that another VirtualService divides between subsets. The routes of a VirtualService hold where its hosts are asked for, and the gateway asks for other hosts: its requests go to all versions.",
			"Name the subsets in the route of the gateway, too, or let both delegate to one VirtualService."},
		{GatewayConflict, Error, "Gateways conflict",
			"Two Gateways serve the same host on the same port of the same proxies. Only the older one counts for the host as far as certificates and redirects go, and which routes are found depends on the order.",
			"Serve each host and port in one Gateway, or select different proxies."},
		{InvalidCredential, Error, "Invalid gateway credential",
			"The Secret that a Gateway names has no certificate with its key, they do not belong together, the certificate is out of date, or the authorities for mutual TLS are missing. Connections to the server are refused.",
			"Put a valid certificate with its key into the Secret: tls.crt and tls.key in PEM, with ca.crt for mutual TLS."},
		{PortNotOnService, Warning, "Gateway port is not on its Service",
			"The Gateway has a port that is neither a port nor a target port of a Service of its proxies. The proxies listen there, but clients of the Service do not reach it.",
			"Add the port to the Service of the gateway, or use one that it has."},
		{InternalGateway, Warning, "VirtualService refers to a generated gateway",
			"The VirtualService names the object that a control plane generates of a Kubernetes Gateway. Its name and form are not part of the API and may change at any time.",
			"Use routes of the Gateway API with the Kubernetes Gateway, or a Gateway of networking.istio.io."},
		{IneffectiveSelector, Warning, "Selector has no effect on a Kubernetes Gateway",
			"A policy selects the proxies of a Kubernetes Gateway by labels. Policies are bound to those by targetRefs; whether a selector holds for them depends on the version and settings of the control plane.",
			"Name the Gateway in targetRefs instead of selecting its pods."},
		{NegativeStatus, Warning, "Negative status condition",
			"A controller wrote into the status of the object that it did not accept it, or could not put it in force. What the object asks for does not happen, or not wholly.",
			"Follow the reason and the message of the condition."},
		{OldGatewayAPI, Warning, "Gateway API definitions are too old",
			"The definition of the kind in the cluster is of a release of the Gateway API that is older than what Istio reads. Objects of the kind are left out without any other sign.",
			"Install the definitions of a newer release of the Gateway API."},
		{CertificateExpired, Error, "Certificate has expired",
			"A certificate with which a gateway serves, or one of the chain above it, has expired or is not valid yet. Clients that check it refuse the connection.",
			"Renew the certificate."},
		{CertificateExpiring, Warning, "Certificate expires soon",
			"A certificate with which a gateway serves, or one of the chain above it, ends within 30 days. After that clients refuse the connection.",
			"Renew the certificate, and see why that does not happen by itself."},
		{CertificateNames, Warning, "Certificate does not cover the hosts",
			"The server of a gateway has a host that is not among the DNS names of its certificate. Clients that ask for the host refuse the connection.",
			"Use a certificate that names the host, or a wildcard that covers it."},
	}
}

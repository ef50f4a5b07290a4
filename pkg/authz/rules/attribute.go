package rules

// Attribute is what a constraint looks at.
type Attribute uint8

// The attributes of Istio's reference (https://istio.io/latest/docs/reference/config/security/conditions/) and the fields of
// operations. Of which key a condition is made of, Constraint.Key says.
const (
	// Unknown is an attribute that Istio does not have; its constraint is Invalid.
	Unknown Attribute = iota
	SourceIP
	RemoteIP
	Namespace
	ServiceAccount
	TrustDomain
	Principal
	RequestPrincipal
	Audiences
	Presenter
	Claim
	Header
	Host
	Method
	Path
	DestinationIP
	DestinationPort
	ServerName
	// FilterMetadata is what an Envoy filter said of the request or connection ("experimental.envoy.filters.").
	FilterMetadata
)

// HTTP reports whether only HTTP requests have the attribute.
func (a Attribute) HTTP() bool {
	switch a {
	case RequestPrincipal, Audiences, Presenter, Claim, Header, Host, Method, Path:
		return true
	}
	return false
}

// JWT reports whether the attribute comes from a token that a RequestAuthentication verified.
func (a Attribute) JWT() bool {
	switch a {
	case RequestPrincipal, Audiences, Presenter, Claim:
		return true
	}
	return false
}

// Peer reports whether the attribute comes from the client's certificate.
func (a Attribute) Peer() bool {
	switch a {
	case Namespace, ServiceAccount, TrustDomain, Principal:
		return true
	}
	return false
}

// Destination reports whether the attribute belongs to what is asked for, rather than to who asks.
func (a Attribute) Destination() bool {
	switch a {
	case Host, Method, Path, DestinationIP, DestinationPort, ServerName, FilterMetadata:
		return true
	}
	return false
}

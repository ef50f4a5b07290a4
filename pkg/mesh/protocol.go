package mesh

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// protocolNames are the names that Istio's protocol selection knows, as port name prefixes and as appProtocol values.
func protocolNamed(name string) (Protocol, bool) {
	switch strings.ToLower(name) {
	case "http":
		return HTTP, true
	case "http2", "kubernetes.io/h2c":
		return HTTP2, true
	case "grpc":
		return GRPC, true
	case "grpc-web":
		return GRPCWeb, true
	case "https":
		return HTTPS, true
	case "tls":
		return TLS, true
	case "tcp", "mongo", "mysql", "redis", "kubernetes.io/ws-opaque":
		return TCP, true
	case "kubernetes.io/ws":
		return HTTP, true
	case "kubernetes.io/wss":
		return HTTPS, true
	case "udp":
		return UDP, true
	}
	return Auto, false
}

// portProtocol selects the protocol of a Kubernetes Service's port: transport UDP and SCTP first, then appProtocol, then the
// prefix of the port's name up to the first "-" ("grpc-web" is a protocol of its own). Anything else is Auto.
// See Istio, "Protocol Selection".
func portProtocol(transport, appProtocol, portName string) Protocol {
	switch strings.ToUpper(transport) {
	case "UDP", "SCTP":
		return UDP
	}
	if p, ok := protocolNamed(appProtocol); ok {
		return p
	}
	name := strings.ToLower(portName)
	if name == "grpc-web" || strings.HasPrefix(name, "grpc-web-") {
		return GRPCWeb
	}
	prefix, _, _ := strings.Cut(name, "-")
	p, _ := protocolNamed(prefix)
	return p
}

// ServicePortProtocol returns the protocol that a port of a Kubernetes Service declares, Auto when it declares none.
func ServicePortProtocol(port corev1.ServicePort) Protocol {
	appProtocol := ""
	if port.AppProtocol != nil {
		appProtocol = *port.AppProtocol
	}
	protocol := portProtocol(string(port.Protocol), appProtocol, port.Name)
	if protocol == Auto && port.Port > 0 && serverFirst(uint32(port.Port)) {
		return TCP
	}
	return protocol
}

// serverFirst reports whether a port is that of SMTP, DNS, MySQL or MongoDB. Their servers speak first, so that nothing can be detected:
// ports of Kubernetes Services without a declared protocol are taken for TCP (Istio, "Application Requirements").
func serverFirst(port uint32) bool {
	return port == 25 || port == 53 || port == 3306 || port == 27017
}

// entryProtocol selects the protocol of a ServiceEntry's port: its protocol field, else its name.
func entryProtocol(protocol, portName string) Protocol {
	if p, ok := protocolNamed(protocol); ok {
		return p
	}
	if protocol != "" {
		return TCP
	}
	return portProtocol("", "", portName)
}

// IsHTTP reports whether requests of the protocol can be routed one by one.
func (p Protocol) IsHTTP() bool { return p == HTTP || p == HTTP2 || p == GRPC || p == GRPCWeb }

// String returns the name as Istio spells it: "http", "grpc-web", "auto" for an undeclared one.
func (p Protocol) String() string {
	names := [...]string{"auto", "http", "http2", "grpc", "grpc-web", "https", "tls", "tcp", "udp"}
	if int(p) < len(names) {
		return names[p]
	}
	return "unknown"
}

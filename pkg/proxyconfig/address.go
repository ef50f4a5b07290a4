package proxyconfig

import (
	"net/netip"
	"strconv"
)

// address reads an envoy.config.core.v3.Address: an IP address or host name with its port, or a path without one.
func address(t Tree) (host string, port int) {
	switch {
	case object(t, "socket_address") != nil:
		return text(t, "socket_address", "address"), number(t, "socket_address", "port_value")
	case object(t, "pipe") != nil:
		return "unix://" + text(t, "pipe", "path"), 0
	case object(t, "envoy_internal_address") != nil:
		host = "envoy://" + text(t, "envoy_internal_address", "server_listener_name")
		if id := text(t, "envoy_internal_address", "endpoint_id"); id != "" {
			host += "/" + id
		}
		return host, 0
	default:
		return "", 0
	}
}

// hostPort joins them, with brackets around IPv6; a path has no port.
func hostPort(host string, port int) string {
	if port == 0 {
		return host
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(port)
}

// version reads an envoy.type.v3.SemanticVersion.
func version(t Tree) string {
	if t == nil {
		return ""
	}
	return strconv.Itoa(number(t, "major_number")) + "." + strconv.Itoa(number(t, "minor_number")) + "." + strconv.Itoa(number(t, "patch"))
}

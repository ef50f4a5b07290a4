package registry

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// Bounds of what an agent may send; far above what a workload needs.
const (
	maxLabels   = 256
	maxPorts    = 1024
	maxBindings = 65535
	maxText     = 1024 // bytes of any other field
)

// validate checks what was registered by itself.
func validate(in *agentapi.Register) error {
	for _, text := range []struct{ what, value string }{
		{"service account", in.GetServiceAccount()}, {"group", in.GetGroup()}, {"address", in.GetAddress()},
		{"network", in.GetNetwork()}, {"locality", in.GetLocality()}, {"admin address", in.GetAdminAddress()},
		{"status address", in.GetStatusAddress()}, {"agent version", in.GetAgentVersion()},
		{"instance", in.GetInstance()}, {"node id", in.GetNodeId()},
	} {
		if len(text.value) > maxText {
			return fmt.Errorf("%s has %d bytes, more than %d", text.what, len(text.value), maxText)
		}
	}
	if _, known := agentapi.ProxyType_name[int32(in.GetType())]; !known {
		return fmt.Errorf("proxy type %d is unknown: is the agent newer than the control plane?", in.GetType())
	}
	if err := checkName("namespace", in.GetNamespace(), 63, ""); err != nil {
		return err
	}
	if err := checkName("name", in.GetName(), 253, "."); err != nil {
		return err
	}
	if err := checkNodeID(in); err != nil {
		return err
	}
	if len(in.GetPorts()) > maxPorts {
		return fmt.Errorf("%d ports, more than %d", len(in.GetPorts()), maxPorts)
	}
	for target, program := range in.GetPorts() {
		if !isPort(target) || !isPort(program) {
			return fmt.Errorf("port %d:%d is not between 1 and 65535", target, program)
		}
	}
	return checkLabels(in.GetLabels())
}

// checkProxy checks what is left to know once the group filled the gaps.
func checkProxy(p Proxy) error {
	if p.Type != agentapi.ProxyType_SIDECAR && p.Address == "" || isIP(p.Address) {
		return nil
	}
	if checkName("", p.Address, 253, ".") != nil {
		return fmt.Errorf("address %q is not an IP address or host name", p.Address)
	}
	return nil
}

func checkBindings(ports map[string]uint32) error {
	if len(ports) > maxBindings {
		return fmt.Errorf("%d bindings, more than %d", len(ports), maxBindings)
	}
	for name, port := range ports {
		if len(name) > maxText {
			return fmt.Errorf("the name of a binding has %d bytes, more than %d", len(name), maxText)
		}
		if !isPort(port) {
			return fmt.Errorf("binding %q: port %d is not between 1 and 65535", name, port)
		}
		served := strings.HasPrefix(name, inboundPrefix) || strings.HasPrefix(name, gatewayPrefix)
		if _, ok := servedPort(name); served && !ok {
			return fmt.Errorf("binding %q does not name a target port", name)
		}
	}
	return nil
}

// checkNodeID holds the node id, by which the proxy will ask for its configuration, to the registration:
// TYPE~IP~NAME.NAMESPACE~NAMESPACE.svc.DOMAIN.
func checkNodeID(in *agentapi.Register) error {
	kind := strings.ToLower(in.GetType().String())
	parts := strings.Split(in.GetNodeId(), "~")
	if len(parts) != 4 || parts[0] != kind || !isIP(parts[1]) ||
		parts[2] != in.GetName()+"."+in.GetNamespace() || !strings.HasPrefix(parts[3], in.GetNamespace()+".svc.") {
		return fmt.Errorf("node id %q is not %s~IP~%s.%s~%s.svc.DOMAIN", in.GetNodeId(), kind, in.GetName(), in.GetNamespace(), in.GetNamespace())
	}
	return nil
}

func checkLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return fmt.Errorf("%d labels, more than %d", len(labels), maxLabels)
	}
	for key, value := range labels {
		name := key
		if prefix, rest, ok := strings.Cut(key, "/"); ok {
			name = rest
			if err := checkName("prefix of a label", prefix, 253, "."); err != nil {
				return err
			}
		}
		if !isLabel(name) {
			return fmt.Errorf("label key %.100q is not a Kubernetes label name", key)
		}
		if value != "" && !isLabel(value) {
			return fmt.Errorf("label %s: value %.100q is not a Kubernetes label value (at most 63 letters, digits, '-', '_' and '.')", key, value)
		}
	}
	return nil
}

// checkName accepts RFC 1123 names as Kubernetes does; also are characters allowed inside besides '-'.
func checkName(what, s string, limit int, also string) error {
	ok := s != "" && len(s) <= limit
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		inside := i > 0 && i < len(s)-1
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || inside && (c == '-' || strings.IndexByte(also, c) >= 0)
	}
	if !ok {
		return fmt.Errorf("%s %.100q is not a Kubernetes name (lower case letters, digits and '-', at most %d)", what, s, limit)
	}
	return nil
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		inside := i > 0 && i < len(s)-1
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && (!inside || strings.IndexByte("-_.", c) < 0) {
			return false
		}
	}
	return true
}

func isPort(n uint32) bool { return n > 0 && n <= 65535 }

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

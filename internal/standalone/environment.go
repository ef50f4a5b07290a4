package standalone

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/internal/agent"
)

// ServicePort is the local port at which a program reaches one port of one service.
type ServicePort struct {
	agent.ServicePort
	// Variable holds Local in the program's environment; empty when another service has that variable.
	Variable string `json:"variable,omitempty"`
}

const httpProxy = "http_proxy"

// ServicePorts are those of a workload in this namespace, ordered by host; the ports of a service stay in its order.
//
// The variables are named as Kubernetes names those of services
// (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables): REVIEWS_SERVICE_PORT for the first
// port, REVIEWS_SERVICE_PORT_GRPC for the one named grpc, by number when it has no name. Where two services would have the same
// variables, one of the workload's own namespace has them, else the first by host.
func ServicePorts(ports []agent.ServicePort, namespace string) []ServicePort {
	out := make([]ServicePort, len(ports))
	for i, p := range ports {
		out[i].ServicePort = p
	}
	slices.SortStableFunc(out, func(a, b ServicePort) int { return strings.Compare(a.Host, b.Host) })
	owners := owners(out, namespace)
	seen := map[string]bool{}
	for i, p := range out {
		name := variable(p.Host, namespace)
		if owners[name] != p.Host {
			continue
		}
		if out[i].Variable = name + "_SERVICE_PORT"; seen[name] {
			out[i].Variable = portVariable(name, p)
		}
		seen[name] = true
	}
	return out
}

// owners returns the host that has each variable.
func owners(ports []ServicePort, namespace string) map[string]string {
	out := map[string]string{}
	for _, local := range []bool{true, false} {
		for _, p := range ports {
			name := variable(p.Host, namespace)
			if in := namespaceOf(p.Host); out[name] == "" && (in == namespace) == local {
				out[name] = p.Host
			}
		}
	}
	return out
}

// namespaceOf a service's host; empty for one outside the cluster.
func namespaceOf(host string) string {
	if parts := strings.SplitN(host, ".", 4); len(parts) > 2 && parts[2] == "svc" {
		return parts[1]
	}
	return ""
}

// variable is the name of a service in variables: upper case, with underscores for what a variable's name cannot hold. A service
// of another namespace is NAME_NAMESPACE, a host outside the cluster its whole name.
func variable(host, namespace string) string {
	name := host
	if in := namespaceOf(host); in != "" {
		if name, _, _ = strings.Cut(host, "."); in != namespace {
			name += "_" + in
		}
	}
	name = upper(name)
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

func upper(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

func portVariable(name string, p ServicePort) string {
	if p.Name == "" {
		return name + "_SERVICE_PORT_" + strconv.FormatUint(uint64(p.Port), 10)
	}
	return name + "_SERVICE_PORT_" + upper(p.Name)
}

// Environment is what a program needs to reach the mesh, as NAME=VALUE: its HTTP proxy, and the local ports of services.
func Environment(state agent.State, namespace string) []string {
	var out []string
	if port := state.Bindings[httpProxy]; port != 0 {
		proxy := fmt.Sprintf("http://127.0.0.1:%d", port)
		for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
			out = append(out, name+"="+proxy)
		}
		const direct = "localhost,127.0.0.1,::1"
		out = append(out, "NO_PROXY="+direct, "no_proxy="+direct)
	}
	for _, p := range ServicePorts(state.Services, namespace) {
		name := variable(p.Host, namespace)
		if p.Variable == "" {
			continue
		}
		if p.Variable == name+"_SERVICE_PORT" {
			out = append(out, name+"_SERVICE_HOST=127.0.0.1", fmt.Sprintf("%s=%d", p.Variable, p.Local))
		}
		out = append(out, fmt.Sprintf("%s=%d", portVariable(name, p), p.Local))
	}
	return out
}

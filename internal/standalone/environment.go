package standalone

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ServicePort is the local port at which a program reaches one port of one service.
type ServicePort struct {
	Host string `json:"host"` // e.g. "reviews.default.svc.cluster.local"
	Port uint32 `json:"port"` // of the service
	// Local is the port on 127.0.0.1.
	Local uint32 `json:"local"`
	// Variable holds Local in the program's environment.
	Variable string `json:"variable"`
}

const httpProxy = "http_proxy"

// ServicePorts are the local ports of services among the bindings of a proxy (agent.State.Bindings), ordered by host and port.
// namespace is the program's own.
func ServicePorts(bindings map[string]uint32, namespace string) []ServicePort {
	var out []ServicePort
	for name, local := range bindings {
		rest, ok := strings.CutPrefix(name, "outbound|")
		number, host, ok2 := strings.Cut(rest, "|")
		port, err := strconv.ParseUint(number, 10, 16)
		if !ok || !ok2 || err != nil {
			continue
		}
		out = append(out, ServicePort{Host: host, Port: uint32(port), Local: local})
	}
	slices.SortFunc(out, func(a, b ServicePort) int { return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port)) })
	for i, p := range out {
		out[i].Variable = variable(p.Host, namespace) + "_SERVICE_PORT"
		if slices.ContainsFunc(out, func(other ServicePort) bool { return other.Host == p.Host && other.Port < p.Port }) {
			out[i].Variable = fmt.Sprintf("%s_%d", out[i].Variable, p.Port)
		}
	}
	return out
}

// variable is the name of a service in environment variables, as Kubernetes forms it from a service's name
// (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables): upper case, with underscores for
// what a variable's name cannot hold. A service of another namespace is NAME_NAMESPACE, a host outside the cluster its whole name.
func variable(host, namespace string) string {
	name := host
	if parts := strings.SplitN(host, ".", 4); len(parts) > 2 && parts[2] == "svc" {
		if name = parts[0]; parts[1] != namespace {
			name += "_" + parts[1]
		}
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// Environment is what a program needs to reach the mesh, as NAME=VALUE: its HTTP proxy, and the local port of each service under
// the names of Kubernetes' variables. Where two services would have the same variable, one of the program's own namespace wins,
// else the first by name.
func Environment(bindings map[string]uint32, namespace string) []string {
	var out []string
	if port := bindings[httpProxy]; port != 0 {
		proxy := fmt.Sprintf("http://127.0.0.1:%d", port)
		for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
			out = append(out, name+"="+proxy)
		}
		out = append(out, "NO_PROXY=localhost,127.0.0.1,::1", "no_proxy=localhost,127.0.0.1,::1")
	}
	ports := ServicePorts(bindings, namespace)
	own := func(p ServicePort) bool {
		return strings.HasPrefix(p.Host[strings.IndexByte(p.Host, '.')+1:], namespace+".svc.")
	}
	slices.SortStableFunc(ports, func(a, b ServicePort) int {
		return cmp.Compare(rank(own(a)), rank(own(b)))
	})
	owner := map[string]string{}
	for _, p := range ports {
		name := variable(p.Host, namespace)
		if owner[name] == "" {
			owner[name] = p.Host
			out = append(out, name+"_SERVICE_HOST=127.0.0.1", fmt.Sprintf("%s_SERVICE_PORT=%d", name, p.Local))
		}
		if owner[name] == p.Host {
			out = append(out, fmt.Sprintf("%s_SERVICE_PORT_%d=%d", name, p.Port, p.Local))
		}
	}
	return out
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

package meshtest

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/pkg/config"
)

// Member is a workload of a mesh that BothModes makes.
type Member struct {
	agent.Options // see Sidecar and Gateway
	// Serves says that a Program of the same name stands behind its sidecar.
	Serves bool
}

// Traffic is a mesh in either mode, whose members send requests and open connections in the way of that mode.
type Traffic struct {
	*Mesh
	// Redirected says which mode it is.
	Redirected bool

	// client sends requests of a member to a URL; dial connects it with a port of a service.
	client    func(from, url string) (*http.Client, error)
	dial      func(from, host string, port int) (net.Conn, error)
	addresses map[string]string // of hosts
	members   map[string]*Workload
	programs  map[string]*Program
}

// BothModes runs test twice, as the subtests "explicit" and "redirected", over the same files and members. The first sends requests
// through the HTTP proxy of its sidecar and connects with local ports; the second goes to the address of the service (clusterIP, or the
// first of a ServiceEntry's addresses) as a program would that asked DNS, so every host that is sent to needs one. Both skip as New and
// InPods do.
func BothModes(t *testing.T, files map[string]string, members []Member, test func(t *testing.T, m *Traffic)) {
	t.Run("explicit", func(t *testing.T) { test(t, Explicit(t, files, members)) })
	t.Run("redirected", func(t *testing.T) {
		InPods(t, files, func(p *Pods) { test(t, redirected(p, files, members)) })
	})
}

// Explicit is the mesh of BothModes in the explicit mode alone, for what does not depend on the mode.
func Explicit(t *testing.T, files map[string]string, members []Member) *Traffic {
	t.Helper()
	m := &Traffic{Mesh: New(t, files), members: map[string]*Workload{}, programs: map[string]*Program{}}
	for _, one := range members {
		if one.Serves {
			m.programs[one.Name] = StartProgram(t, one.Name)
			one.Ports = m.programs[one.Name].Ports()
		}
		m.members[one.Name] = m.Start(one.Options)
	}
	m.client = func(from, _ string) (*http.Client, error) { return m.members[from].Client(), nil }
	m.dial = func(from, host string, port int) (net.Conn, error) {
		return net.Dial("tcp", m.members[from].Local(fullName(host), port))
	}
	m.Settle()
	return m
}

func redirected(p *Pods, files map[string]string, members []Member) *Traffic {
	p.t.Helper()
	m := &Traffic{Mesh: p.Mesh, Redirected: true, addresses: map[string]string{}, members: map[string]*Workload{}, programs: map[string]*Program{}}
	for name, text := range files {
		m.resolve(name, text)
	}
	pods := map[string]*Pod{}
	for _, one := range members {
		pod := p.Pod(one.Options)
		pods[one.Name], m.members[one.Name] = pod, pod.Workload
		if one.Serves {
			m.programs[one.Name] = pod.Serve()
		}
	}
	m.client = func(from, url string) (*http.Client, error) {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		port := req.URL.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[req.URL.Scheme]
		}
		address, err := m.address(req.URL.Hostname())
		return pods[from].ClientTo(net.JoinHostPort(address, port)), err
	}
	m.dial = func(from, host string, port int) (net.Conn, error) {
		address, err := m.address(host)
		if err != nil {
			return nil, err
		}
		return pods[from].Dial(net.JoinHostPort(address, fmt.Sprint(port)))
	}
	m.Settle()
	return m
}

// Case is that of Mesh; hosts that only its file defines have addresses too.
func (m *Traffic) Case(name, yaml string, test func(t *testing.T)) {
	m.t.Helper()
	if m.Redirected {
		m.resolve(name, yaml)
	}
	m.Mesh.Case(name, yaml, test)
}

// Member returns a workload by name.
func (m *Traffic) Member(name string) *Workload { return m.members[name] }

// Program returns the program behind a member's sidecar.
func (m *Traffic) Program(name string) *Program { return m.programs[name] }

// Client returns what sends requests of a member to a URL.
func (m *Traffic) Client(from, url string) *http.Client {
	m.t.Helper()
	client, err := m.client(from, url)
	check(m.t, err)
	return client
}

// Get sends a GET of a member with headers "NAME=VALUE", which must be answered.
func (m *Traffic) Get(from, url string, headers ...string) Answer {
	m.t.Helper()
	return Get(m.t, m.Client(from, url), url, headers...)
}

// Expect waits until a GET of a member with headers "NAME=VALUE" is answered with a status and a part of the body.
func (m *Traffic) Expect(from, url string, status int, part string, headers ...string) Answer {
	m.t.Helper()
	return Expect(m.t, m.Client(from, url), url, status, part, headers...)
}

// Dial connects a member with a port of a service.
func (m *Traffic) Dial(from, host string, port int) (net.Conn, error) {
	m.t.Helper()
	return m.dial(from, host, port)
}

// resolve notes the addresses of the hosts that a file defines.
func (m *Traffic) resolve(name, yaml string) {
	objects, _ := config.Decode(name, strings.NewReader(yaml))
	for _, o := range objects {
		switch spec := o.Spec.(type) {
		case *corev1.Service:
			if _, err := netip.ParseAddr(spec.Spec.ClusterIP); err == nil {
				m.addresses[o.Key.Name+"."+o.Key.Namespace+".svc.cluster.local"] = spec.Spec.ClusterIP
			}
		case *networking.ServiceEntry:
			for _, host := range spec.GetHosts() {
				if len(spec.GetAddresses()) > 0 {
					m.addresses[host] = spec.GetAddresses()[0]
				}
			}
		}
	}
}

func (m *Traffic) address(host string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}
	for _, name := range []string{host, fullName(host)} {
		if address := m.addresses[name]; address != "" {
			return address, nil
		}
	}
	return "", fmt.Errorf("%s has no address: give its Service a clusterIP, or its ServiceEntry addresses", host)
}

// fullName completes the name of a service as its namespace does: NAME and NAME.NAMESPACE.
func fullName(host string) string {
	parts := strings.Split(host, ".")
	switch {
	case len(parts) == 1:
		return host + ".default.svc.cluster.local"
	case len(parts) == 2 && !slices.Contains([]string{"com", "org", "net"}, parts[1]):
		return host + ".svc.cluster.local"
	}
	return host
}

package inject

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// appProbe is a probe or a hook of the program as the agent runs it, see --probes of mesh-agent.
type appProbe struct {
	HTTPGet        *corev1.HTTPGetAction   `json:"httpGet,omitempty"`
	TCPSocket      *corev1.TCPSocketAction `json:"tcpSocket,omitempty"`
	GRPC           *corev1.GRPCAction      `json:"grpc,omitempty"`
	TimeoutSeconds int32                   `json:"timeoutSeconds,omitempty"`
}

// rewriteProbes points the kubelet's probes at the agent, which runs them at the program: the kubelet has no certificate of the mesh
// (https://istio.io/latest/docs/ops/configuration/mesh/app-health-check/).
func (p *pod) rewriteProbes() error {
	rewrite := p.Settings.Values.Webhook.RewriteAppHTTPProbe
	if text, given := p.out.Annotations["sidecar.istio.io/rewriteAppHTTPProbers"]; given {
		rewrite, _ = strconv.ParseBool(text) // validated before
	}
	if !rewrite || p.gateway || p.statusPort == 0 {
		return nil
	}
	probes := map[string]json.RawMessage{}
	if p.before.probes != "" {
		if err := json.Unmarshal([]byte(unescape(p.before.probes)), &probes); err != nil {
			return fmt.Errorf("container %s: --probes: %w", ProxyContainer, err)
		}
	}
	for _, list := range [][]corev1.Container{p.out.Spec.InitContainers, p.out.Spec.Containers} {
		for i := range list {
			if name := list[i].Name; name == ProxyContainer || name == InitContainer {
				continue
			}
			if err := p.rewriteContainer(&list[i], probes); err != nil {
				return err
			}
		}
	}
	if len(probes) == 0 {
		return nil
	}
	text, err := json.Marshal(probes)
	if err != nil {
		return err
	}
	p.addArgument("--probes=" + escape(string(text)))
	return nil
}

func (p *pod) rewriteContainer(c *corev1.Container, probes map[string]json.RawMessage) error {
	health, hook := "/app-health/"+c.Name+"/", "/app-lifecycle/"+c.Name+"/"
	for _, probe := range []struct {
		of   *corev1.Probe
		path string
	}{{c.ReadinessProbe, health + "readyz"}, {c.LivenessProbe, health + "livez"}, {c.StartupProbe, health + "startupz"}} {
		if probe.of == nil {
			continue
		}
		h := &probe.of.ProbeHandler
		as := appProbe{HTTPGet: h.HTTPGet, TCPSocket: h.TCPSocket, GRPC: h.GRPC, TimeoutSeconds: probe.of.TimeoutSeconds}
		get, err := p.rewritten(c, as, probe.path, probes)
		if err != nil {
			return err
		}
		if get != nil {
			h.HTTPGet, h.TCPSocket, h.GRPC = get, nil, nil
		}
	}
	if c.Lifecycle == nil {
		return nil
	}
	for _, h := range []struct {
		of   *corev1.LifecycleHandler
		path string
	}{{c.Lifecycle.PreStop, hook + "prestopz"}, {c.Lifecycle.PostStart, hook + "poststartz"}} {
		if h.of == nil {
			continue
		}
		get, err := p.rewritten(c, appProbe{HTTPGet: h.of.HTTPGet, TCPSocket: h.of.TCPSocket}, h.path, probes)
		if err != nil {
			return err
		}
		if get != nil {
			h.of.HTTPGet, h.of.TCPSocket = get, nil
		}
	}
	return nil
}

// rewritten returns what the kubelet is to ask instead; nil for a handler that stays.
func (p *pod) rewritten(c *corev1.Container, probe appProbe, path string, probes map[string]json.RawMessage) (*corev1.HTTPGetAction, error) {
	out := &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(p.statusPort)}
	switch {
	case probe.HTTPGet != nil:
		if probe.HTTPGet.Port == out.Port && strings.HasPrefix(probe.HTTPGet.Path, "/app-") {
			return nil, nil // by an earlier injection
		}
		out.HTTPHeaders = probe.HTTPGet.HTTPHeaders
		probe.HTTPGet = probe.HTTPGet.DeepCopy()
		if !resolvePort(c, &probe.HTTPGet.Port) {
			return nil, nil
		}
	case probe.TCPSocket != nil:
		probe.TCPSocket = probe.TCPSocket.DeepCopy()
		if !resolvePort(c, &probe.TCPSocket.Port) {
			return nil, nil
		}
	case probe.GRPC == nil:
		return nil, nil
	}
	text, err := json.Marshal(probe)
	probes[path] = text
	return out, err
}

// resolvePort replaces the name of a port of the container by its number.
func resolvePort(c *corev1.Container, port *intstr.IntOrString) bool {
	if port.Type == intstr.Int {
		return true
	}
	for _, named := range c.Ports {
		if named.Name == port.StrVal {
			*port = intstr.FromInt32(named.ContainerPort)
			return true
		}
	}
	return false
}

// addArgument adds one to the proxy, unless the pod's author wrote all arguments himself.
func (p *pod) addArgument(a string) {
	if p.before.own != nil && len(p.before.own.Args) > 0 {
		return
	}
	for _, list := range [][]corev1.Container{p.out.Spec.InitContainers, p.out.Spec.Containers} {
		for i := range list {
			if list[i].Name == ProxyContainer {
				list[i].Args = append(list[i].Args, a)
			}
		}
	}
}

func unescape(s string) string { return strings.ReplaceAll(s, "$$(", "$(") }

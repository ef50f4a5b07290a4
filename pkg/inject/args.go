package inject

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Ports of a pod's proxy.
const (
	adminPort      = 15000
	healthPort     = 15021
	prometheusPort = 15090
	dnsPort        = 15053
)

// arguments are those of mesh-agent. Probes and metrics of the program are added later.
func (p *pod) arguments(r corev1.ResourceRequirements) ([]string, error) {
	kind := "sidecar"
	if p.gateway {
		kind = "router"
	}
	g := p.Settings.Values.Global
	discovery := p.discovery()
	server, _, ok := hostPort(discovery)
	if !ok {
		return nil, fmt.Errorf("discovery address %q: give HOST:PORT in discoveryAddress", discovery)
	}
	trust := p.Mesh.Config().TrustDomain
	args := []string{
		"proxy", kind,
		"--name=$(POD_NAME)", "--namespace=$(POD_NAMESPACE)", "--service-account=$(SERVICE_ACCOUNT)",
		"--address=$(INSTANCE_IP)", "--ips=$(INSTANCE_IPS)",
		"--labels-file=/etc/istio/pod/labels", "--annotations-file=/etc/istio/pod/annotations",
	}
	args = withValue(args, "--workload", p.Workload)
	args = append(args, "--interception-mode="+p.mode, "--xds-address="+discovery, "--server-name="+server)
	args = withValue(args, "--ca-address", g.CAAddress)
	args = append(args,
		"--root-file=/var/run/secrets/istio/root-cert.pem", "--token-file=/var/run/secrets/tokens/istio-token", "--state-dir=/etc/istio/proxy",
		"--cluster-id="+p.cluster())
	args = withValue(args, "--mesh-id", cmp.Or(g.MeshID, trust))
	args = withValue(args, "--network", p.network())
	args = withValue(args, "--domain", cmp.Or(g.Proxy.ClusterDomain, p.Mesh.Config().DomainSuffix))
	args = withValue(args, "--trust-domain", trust)
	args = append(args, fmt.Sprintf("--admin-port=%d", adminPort), fmt.Sprintf("--health-port=%d", healthPort), fmt.Sprintf("--prometheus-port=%d", prometheusPort))
	if p.statusPort != 0 {
		args = append(args, fmt.Sprintf("--status-address=:%d", p.statusPort))
	}
	args = withValue(args, "--log-level", p.annotation("sidecar.istio.io/logLevel", g.Proxy.LogLevel))
	if level := p.annotation("sidecar.istio.io/agentLogLevel", g.agentLevel()); strings.HasSuffix(level, "debug") {
		args = append(args, "--verbose")
	}
	if n := p.concurrency(r); n >= 0 {
		args = append(args, fmt.Sprintf("--concurrency=%d", n))
	}
	return p.more(args)
}

// more are arguments that few pods have.
func (p *pod) more(args []string) ([]string, error) {
	matcher := map[string][]string{}
	for _, list := range []string{"Prefixes", "Suffixes", "Regexps"} {
		if text := p.out.Annotations["sidecar.istio.io/statsInclusion"+list]; text != "" {
			matcher["inclusion"+list] = strings.Split(text, ",")
		}
	}
	own := map[string]any{}
	if tags := p.out.Annotations["sidecar.istio.io/extraStatTags"]; tags != "" {
		own["extraStatTags"] = strings.Split(tags, ",")
	}
	for _, flag := range []struct {
		name string
		n    int
		json any
	}{{"--stats-matcher", len(matcher), matcher}, {"--proxy-config", len(own), own}} {
		if flag.n == 0 {
			continue
		}
		text, err := json.Marshal(flag.json)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag.name, err)
		}
		args = append(args, flag.name+"="+escape(string(text)))
	}
	return args, nil
}

// discovery is the control plane's address, HOST:PORT.
func (p *pod) discovery() string {
	system := cmp.Or(p.Settings.Values.Global.IstioNamespace, p.Mesh.Config().SystemNamespace)
	name := "istiod"
	if p.Revision != "" && p.Revision != "default" {
		name += "-" + p.Revision
	}
	return p.annotation("sidecar.istio.io/discoveryAddress", cmp.Or(p.proxy.GetDiscoveryAddress(), name+"."+system+".svc:15012"))
}

func withValue(args []string, flag, value string) []string {
	if value == "" {
		return args
	}
	return append(args, flag+"="+escape(value))
}

// escape keeps the kubelet from putting variables into texts that are not ours.
func escape(s string) string { return strings.ReplaceAll(s, "$(", "$$(") }

func hostPort(address string) (host string, port int32, ok bool) {
	i := strings.LastIndexByte(address, ':')
	if i <= 0 {
		return "", 0, false
	}
	host, port = strings.Trim(address[:i], "[]"), number(address[i+1:])
	return host, port, host != "" && port > 0 && port <= 65535
}

// number reads a value that was validated before; 0 for others.
func number(s string) int32 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// environment is what the kubelet knows when the pod starts, and the bounds of the agent's runtime.
func (p *pod) environment(r corev1.ResourceRequirements) []corev1.EnvVar {
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
	}
	env := []corev1.EnvVar{
		field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace"), field("INSTANCE_IP", "status.podIP"),
		field("INSTANCE_IPS", "status.podIPs"), field("SERVICE_ACCOUNT", "spec.serviceAccountName"), field("HOST_IP", "status.hostIP"),
	}
	limit := func(name, resourceName string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: resourceName, Divisor: resource.MustParse("1")}}}
	}
	if _, limited := r.Limits[corev1.ResourceMemory]; limited {
		env = append(env, limit("GOMEMLIMIT", "limits.memory"))
	}
	if _, limited := r.Limits[corev1.ResourceCPU]; limited {
		env = append(env, limit("GOMAXPROCS", "limits.cpu"))
	}
	return env
}

// concurrency is Envoy's number of threads: the ProxyConfig's, else one for each CPU of the limit; negative when nothing is said.
func (p *pod) concurrency(r corev1.ResourceRequirements) int32 {
	if c := p.proxy.GetConcurrency(); c != nil {
		return c.GetValue()
	}
	if cpu, limited := r.Limits[corev1.ResourceCPU]; limited && !cpu.IsZero() {
		return int32(min((cpu.MilliValue()+999)/1000, 1024))
	}
	return -1
}

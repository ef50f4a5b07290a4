package inject

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const (
	// ProxyContainer is the name of the proxy's container in every pod of the mesh.
	ProxyContainer = "istio-proxy"
	// InitContainer is the name of the init container that redirects the pod's traffic.
	InitContainer = "istio-init"

	proxyImage = "mesh-proxy"
	// proxyUser is the user and group of the proxy: its own traffic is not redirected to it.
	proxyUser = 1337
)

// PodInput is everything that an injected pod depends on.
type PodInput struct {
	// Pod, or the template of one. It is not changed.
	Pod *corev1.Pod
	// Namespace of the pod; the pod's own when empty.
	Namespace string
	// Workload is the name of what made the pod; derived from the pod's owner when empty, see Workload.
	Workload string
	Settings Settings
	// Mesh gives the MeshConfig and the ProxyConfig that hold for the pod.
	Mesh *mesh.Snapshot
	// Revision of the control plane; "" and "default" are the same.
	Revision string
	// NativeSidecars makes the proxy an init container that keeps running, which needs Kubernetes 1.29. The annotation
	// sidecar.istio.io/nativeSidecar decides for one pod.
	NativeSidecars bool
	// Cluster and Network, when not empty, win over the values of the same names: the path of the webhook names them.
	Cluster, Network string
}

// PodOutput is an injected pod.
type PodOutput struct {
	Pod *corev1.Pod
	// Warnings name what the pod asks for and does not get.
	Warnings []string
}

// pod is one injection under way.
type pod struct {
	PodInput
	// out is what becomes of the pod; before is what earlier injection left of the pod's author.
	out    *corev1.Pod
	before previous
	// added are the names of what injection adds, for StatusAnnotation.
	added struct{ labels, annotations, volumes, secrets []string }
	proxy *meshconfig.ProxyConfig
	// gateway: the pod is a gateway's, without redirection; native: the proxy is an init container.
	gateway, native bool
	mode            string
	statusPort      int32
	warnings        []string
}

// Pod adds the proxy to a pod: istio-init, istio-proxy, volumes, labels and annotations, as Istio's annotations of the pod
// (https://istio.io/latest/docs/reference/config/annotations/) and its own container istio-proxy ask for. Injecting an injected pod again
// gives the same pod, or one with newer settings. It does not decide whether the pod is to be injected, see Explain. The error is for the
// pod's author: it names the annotation that is at fault and what it takes.
func Pod(in PodInput) (PodOutput, error) {
	p := &pod{PodInput: in, out: in.Pod.DeepCopy()}
	if p.Namespace == "" {
		p.Namespace = in.Pod.Namespace
	}
	if p.Workload == "" {
		p.Workload = Workload(in.Pod)
	}
	for _, step := range []func() error{
		p.validate, p.chooseTemplate, p.readPrevious, p.resolve, p.metadata, p.addContainers, p.mergeMetrics, p.rewriteProbes, p.finish,
	} {
		if err := step(); err != nil {
			return PodOutput{}, err
		}
	}
	return PodOutput{p.out, p.warnings}, nil
}

// validate refuses annotations with values that cannot be read.
func (p *pod) validate() error {
	for _, name := range slices.Sorted(maps.Keys(p.out.Annotations)) {
		if problem := InvalidValue(name, p.out.Annotations[name]); problem != "" {
			return fmt.Errorf("annotation %s: %s", name, problem)
		}
	}
	return nil
}

const templatesAnnotation = "inject.istio.io/templates"

// chooseTemplate reads which of the two templates the pod wants.
func (p *pod) chooseTemplate() error {
	names, where := p.Settings.Templates, "defaultTemplates of the injector"
	if text, given := p.out.Annotations[templatesAnnotation]; given {
		names, where = strings.Split(text, ","), "annotation "+templatesAnnotation
	}
	for i, name := range names {
		switch name = strings.TrimSpace(name); name {
		case "sidecar", "gateway":
			if p.gateway = name == "gateway"; i > 0 {
				return fmt.Errorf("%s: %q and others: give one of sidecar, gateway", where, name)
			}
		default:
			return fmt.Errorf("%s: %q is not supported: give sidecar or gateway", where, name)
		}
	}
	return nil
}

// resolve reads what holds for the pod: its ProxyConfig, mode and ports.
func (p *pod) resolve() error {
	kind := mesh.Sidecar
	if p.gateway {
		kind = mesh.Router
	}
	as := mesh.Proxy{Type: kind, Namespace: p.Namespace, Name: p.out.Name, Labels: p.out.Labels}
	var problems []config.Problem
	p.proxy, problems = p.Mesh.ProxyConfig(as, p.out.Annotations[config.ProxyConfigAnnotation])
	for _, problem := range problems {
		if problem.Severity == config.Error {
			return fmt.Errorf("annotation %s: %s", config.ProxyConfigAnnotation, problem.Message)
		}
		p.warn("annotation %s: %s", config.ProxyConfigAnnotation, problem.Message)
	}
	p.mode = p.annotation("sidecar.istio.io/interceptionMode", p.proxy.GetInterceptionMode().String())
	if p.gateway {
		p.mode = "REDIRECT" // listeners on the pod's own ports, which nothing redirects
	}
	if p.mode == "TPROXY" {
		return fmt.Errorf("interception mode TPROXY is not supported: give REDIRECT or NONE in annotation sidecar.istio.io/interceptionMode")
	}
	p.native = !p.gateway && p.NativeSidecars
	if native, given := p.out.Annotations["sidecar.istio.io/nativeSidecar"]; given && !p.gateway {
		p.native = native == "true"
	}
	port := p.annotation("status.sidecar.istio.io/port", string(p.Settings.Values.Global.Proxy.StatusPort))
	p.statusPort = p.proxy.GetStatusPort()
	if port != "" {
		p.statusPort = number(port)
	}
	p.unsupported()
	return nil
}

// unsupported warns of what is asked for and has no effect here.
func (p *pod) unsupported() {
	for name, instead := range map[string]string{
		"sidecar.istio.io/bootstrapOverride":                 "patch the bootstrap with an EnvoyFilter that applies to BOOTSTRAP",
		"sidecar.istio.io/controlPlaneAuthPolicy":            "proxies always use mutual TLS to the control plane",
		"traffic.sidecar.istio.io/kubevirtInterfaces":        "traffic of virtual machines is not redirected",
		"istio.io/reroute-virtual-interfaces":                "traffic of virtual machines is not redirected",
		"readiness.status.sidecar.istio.io/applicationPorts": "readiness is that of the proxy",
		"sidecar.istio.io/statsHistogramBuckets":             "histograms have Envoy's buckets",
		"sidecar.istio.io/statsHistogramBins":                "histograms have Envoy's buckets",
		"sidecar.istio.io/statsCompression":                  "statistics are not compressed",
		"sidecar.istio.io/statsEvictionInterval":             "statistics are kept",
		"sidecar.istio.io/statsFlushInterval":                "statistics are flushed at Envoy's interval",
		"sidecar.istio.io/componentLogLevel":                 "change levels of a running proxy with meshctl proxy-config log",
		"networking.istio.io/tunnel":                         "sidecars do not take HBONE",
	} {
		if _, given := p.out.Annotations[name]; given {
			p.warn("annotation %s is not supported: %s", name, instead)
		}
	}
	slices.Sort(p.warnings)
}

func (p *pod) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

// annotation returns that of the pod or, where it has none, what else holds.
func (p *pod) annotation(name, otherwise string) string {
	if value, given := p.out.Annotations[name]; given {
		return value
	}
	return otherwise
}

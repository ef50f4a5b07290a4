package workloads

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"istio.io/api/annotation"
	"istio.io/api/label"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

func annotations() *analyze.Analyzer {
	kinds := append(podMakers(), config.Namespace, config.Service, config.Ingress, config.K8sGateway, config.ServiceEntry, config.WorkloadEntry)
	return &analyze.Analyzer{
		Name:  "annotations",
		Doc:   "annotations of the mesh that nobody knows, that stand in the wrong place, are old, or have a value that cannot be read",
		Codes: []codes.Code{codes.MisplacedAnnotation, codes.UnknownAnnotation, codes.InvalidAnnotation, codes.DeprecatedAnnotation, codes.AlphaAnnotation},
		Kinds: kinds,
		Run: func(p *analyze.Pass) {
			known := definitions()
			for _, kind := range kinds {
				for _, o := range p.All(kind) {
					judgeAnnotations(p, known, annotated{o, kind.Name, "metadata.", o.Meta.Labels, o.Meta.Annotations})
					pod, path := analyze.Template(o)
					if pod != nil {
						judgeAnnotations(p, known, annotated{o, "Pod", path + "metadata.", pod.Labels, pod.Annotations})
					}
					if pod != nil || kind == config.Pod {
						judgeProxyConfig(p, o)
					}
				}
			}
		},
	}
}

// judgeProxyConfig reports what cannot be read of the YAML in proxy.istio.io/config, at its own line.
func judgeProxyConfig(p *analyze.Pass, o *config.Object) {
	_, problems := config.DecodeProxyConfigAnnotation(o)
	for _, problem := range problems {
		if p.Broken(o) {
			return
		}
		problem.Code = codes.InvalidAnnotation
		problem.Message = config.ProxyConfigAnnotation + ": " + problem.Message
		p.ReportProblem(problem)
	}
}

// annotated is a piece of metadata.
type annotated struct {
	object *config.Object
	// kind is what the metadata belongs to: "Pod" for a template in a Deployment.
	kind, path          string
	labels, annotations map[string]string
}

// definitions are Istio's annotations by name (https://istio.io/latest/docs/reference/config/annotations/).
func definitions() map[string]*annotation.Instance {
	out := map[string]*annotation.Instance{}
	for _, d := range annotation.AllResourceAnnotations() {
		out[d.Name] = d
	}
	return out
}

// mine reports whether an annotation is for a mesh to read.
func mine(name string) bool {
	prefix, _, found := strings.Cut(name, "/")
	return name == "kubernetes.io/ingress.class" || found && (prefix == "istio.io" || strings.HasSuffix(prefix, ".istio.io")) && name != analyze.SuppressAnnotation
}

// written reports whether a control plane writes the annotation itself.
func written(name string) bool {
	switch name {
	case annotation.SidecarStatus.Name, annotation.GatewayControllerVersion.Name, annotation.IoIstioRev.Name:
		return true
	}
	return false
}

func judgeAnnotations(p *analyze.Pass, known map[string]*annotation.Instance, a annotated) {
	for _, name := range slices.Sorted(maps.Keys(a.annotations)) {
		if !mine(name) || written(name) {
			continue
		}
		report := func(code codes.Code, message, fix string) {
			p.Report(analyze.Finding{Code: code, Object: a.object, Field: a.path + "annotations[" + name + "]", Message: message, Fix: fix})
		}
		d := known[name]
		if d == nil {
			unknown(report, known, name)
			continue
		}
		if a.path == "metadata." {
			judgeAge(report, d, a)
		}
		if !fits(d, a.object.Key.Kind, a.kind) {
			report(codes.MisplacedAnnotation, fmt.Sprintf("%s has no effect on a %s", name, a.kind), "put it on a "+strings.Join(kinds(d), " or a ")+place(a, d))
			continue
		}
		if problem := inject.InvalidValue(name, a.annotations[name]); problem != "" {
			report(codes.InvalidAnnotation, fmt.Sprintf("%s: %s; the annotation has no effect, or keeps the pods from being made", name, problem), "")
		}
	}
}

// fits reports whether an annotation is for a kind. What stands on a Kubernetes Gateway is copied to the Service and the pods made for it.
func fits(d *annotation.Instance, kind config.Kind, name string) bool {
	list := kinds(d)
	if kind == config.K8sGateway && (slices.Contains(list, "Pod") || slices.Contains(list, "Service")) {
		return true
	}
	return slices.Contains(list, annotation.Any.String()) || slices.Contains(list, name)
}

func unknown(report func(codes.Code, string, string), known map[string]*annotation.Instance, name string) {
	message, fix := name+" is no annotation of the mesh: nothing reads it", "remove it"
	near := config.Nearest(name, slices.Sorted(maps.Keys(known)))
	switch {
	case slices.ContainsFunc(label.AllResourceLabels(), func(l *label.Instance) bool { return l.Name == name }):
		message, fix = name+" is a label, which has no effect as an annotation", "write it under metadata.labels"
	case near != "":
		fix = "write " + near
	}
	report(codes.UnknownAnnotation, message, fix)
}

// place helps with the mistake that is made most often: what belongs to the pods stands on their Deployment.
func place(a annotated, d *annotation.Instance) string {
	if _, path := analyze.Template(a.object); path != "" && slices.Contains(kinds(d), "Pod") {
		return ": " + path + "metadata.annotations"
	}
	return ""
}

func judgeAge(report func(codes.Code, string, string), d *annotation.Instance, a annotated) {
	switch {
	case d.Deprecated && d.Name == inject.Annotation && a.labels[inject.Label] != "": // with the label, it is for older versions
	case d.Deprecated && d.Name == inject.Annotation:
		report(codes.DeprecatedAnnotation, d.Name+" is deprecated as an annotation; it still has its effect", "write it as a label")
	case d.Deprecated:
		report(codes.DeprecatedAnnotation, d.Name+" is deprecated", "see its description in Istio's reference of annotations")
	case d.FeatureStatus == annotation.Alpha && !injected(a.object, d.Name):
		report(codes.AlphaAnnotation, d.Name+" is alpha: it may change or go without notice", "do without it where that matters")
	}
}

// injected reports whether an annotation, though alpha by name, is one that injectors set themselves on the pods of a cluster whose nodes
// redirect traffic: pods that nothing in them redirects.
func injected(o *config.Object, name string) bool {
	pod, ok := o.Spec.(*corev1.Pod)
	if !ok || slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == "istio-init" }) {
		return false
	}
	switch name {
	case annotation.SidecarInterceptionMode.Name, annotation.SidecarTrafficIncludeInboundPorts.Name,
		annotation.SidecarTrafficExcludeInboundPorts.Name, annotation.SidecarTrafficIncludeOutboundIPRanges.Name:
		return true
	}
	return false
}

// kinds are the names of the kinds that an annotation is for.
func kinds(d *annotation.Instance) []string {
	var out []string
	for _, r := range d.Resources {
		if s := r.String(); s != "Unknown" {
			out = append(out, s)
		}
	}
	return out
}

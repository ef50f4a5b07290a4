package workloads

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"istio.io/api/annotation"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

func annotations() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "annotations",
		Doc:   "annotations of the mesh that nobody knows, that stand in the wrong place, are old, or have a value that cannot be read",
		Codes: []codes.Code{codes.MisplacedAnnotation, codes.UnknownAnnotation, codes.InvalidAnnotation, codes.DeprecatedAnnotation, codes.AlphaAnnotation},
		Kinds: append(podMakers(), config.Namespace, config.Service),
		Run: func(p *analyze.Pass) {
			known := definitions()
			for _, kind := range append([]config.Kind{config.Namespace, config.Service}, podMakers()...) {
				for _, o := range p.All(kind) {
					judgeAnnotations(p, known, annotated{o, kind.Name, "metadata.", o.Meta.Labels, o.Meta.Annotations})
					if w := template(o); w != nil {
						judgeAnnotations(p, known, annotated{o, "Pod", w.Path + "metadata.", w.Labels, w.Annotations})
					}
				}
			}
		},
	}
}

// template returns the template of pods that an object has; nil for objects that have none.
func template(o *config.Object) *analyze.Workload {
	if o.Key.Kind == config.Pod {
		return nil
	}
	return analyze.NewWorkload(o, nil)
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

// mine reports whether an annotation is for a mesh to read. Those of meshctl.io are the control plane's own.
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
		if !slices.Contains(d.Resources, annotation.Any) && !slices.Contains(kinds(d), a.kind) {
			report(codes.MisplacedAnnotation, fmt.Sprintf("%s has no effect on a %s", name, a.kind), "put it on "+strings.Join(kinds(d), " or ")+place(a, d))
			continue
		}
		if problem := invalidValue(name, a.annotations[name]); problem != "" {
			report(codes.InvalidAnnotation, fmt.Sprintf("%s: %s", name, problem), "")
		}
	}
}

func unknown(report func(codes.Code, string, string), known map[string]*annotation.Instance, name string) {
	fix := "remove it"
	if near := config.Nearest(name, slices.Sorted(maps.Keys(known))); near != "" {
		fix = near
	}
	report(codes.UnknownAnnotation, name+" is no annotation of the mesh: nothing reads it", fix)
}

// place helps with the mistake that is made most often: what belongs to the pods stands on their Deployment.
func place(a annotated, d *annotation.Instance) string {
	if slices.Contains(kinds(d), "Pod") && template(a.object) != nil {
		return ": spec.template.metadata.annotations"
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
	case d.FeatureStatus == annotation.Alpha && !common(d.Name):
		report(codes.AlphaAnnotation, d.Name+" is alpha: it may change or go without notice", "do without it where that matters")
	}
}

// common reports whether an annotation, though alpha by name, is what injectors set on every pod.
func common(name string) bool {
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

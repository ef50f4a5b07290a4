package workloads

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func deploymentServices() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "deployment-services",
		Doc:   "Services of one Deployment that disagree about a port",
		Codes: []codes.Code{codes.DeploymentProtocols, codes.TargetPortConflict},
		Kinds: []config.Kind{config.Deployment, config.Service, config.Namespace, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			selectors := servicesBySelector.Of(p)
			for _, o := range p.All(config.Deployment) {
				w := p.Workload(o)
				if w == nil || o.Meta.Labels[managedLabel] == "istio.io-mesh-controller" {
					continue
				}
				if services := selectors.selecting(o.Key.Namespace, w.Labels); len(services) > 1 {
					judgeServices(p, w, services)
				}
			}
		},
	}
}

// selectorIndex finds Services by one label that they select by: "namespace key=value".
type selectorIndex map[string][]*config.Object

var servicesBySelector = analyze.NewFact(func(p *analyze.Pass) selectorIndex {
	out := selectorIndex{}
	for _, o := range p.All(config.Service) {
		if service, ok := o.Spec.(*corev1.Service); ok && len(service.Spec.Selector) > 0 {
			k := slices.Min(slices.Collect(maps.Keys(service.Spec.Selector)))
			at := o.Key.Namespace + " " + k + "=" + service.Spec.Selector[k]
			out[at] = append(out[at], o)
		}
	}
	return out
})

func (x selectorIndex) selecting(namespace string, labels map[string]string) []*config.Object {
	var out []*config.Object
	for k, v := range labels {
		for _, o := range x[namespace+" "+k+"="+v] {
			if service, ok := o.Spec.(*corev1.Service); ok && mesh.Selects(service.Spec.Selector, labels) {
				out = append(out, o)
			}
		}
	}
	slices.SortFunc(out, func(a, b *config.Object) int { return a.Key.Compare(b.Key) })
	return out
}

// claim is what Services say of one port: by what they say, who says so.
type claim map[string][]string

func (c claim) add(says, service string) {
	if !slices.Contains(c[says], service) {
		c[says] = append(c[says], service)
	}
}

// conflict reports whether two Services say different things. One that does so itself means it.
func (c claim) conflict() bool {
	services := map[string]bool{}
	for _, list := range c {
		for _, s := range list {
			services[s] = true
		}
	}
	return len(c) > 1 && len(services) > 1
}

// list says who says what: "TCP by a, UDP by b".
func (c claim) list() string {
	var out []string
	for _, says := range slices.Sorted(maps.Keys(c)) {
		out = append(out, says+" by "+few(c[says]))
	}
	return strings.Join(out, ", ")
}

type claims map[string]claim

func (c claims) add(key, says, service string) {
	if c[key] == nil {
		c[key] = claim{}
	}
	c[key].add(says, service)
}

func judgeServices(p *analyze.Pass, w *analyze.Workload, services []*config.Object) {
	protocols, targets := claims{}, claims{}
	for _, o := range services {
		service, _ := o.Spec.(*corev1.Service)
		for _, port := range service.Spec.Ports {
			number := strconv.Itoa(int(port.Port))
			protocol := string(port.Protocol)
			if protocol == "" {
				protocol = string(corev1.ProtocolTCP)
			}
			protocols.add(number, protocol, o.Key.Name)
			target := port.TargetPort.String()
			if target == "" || target == "0" {
				target = number
			}
			targets.add(target, number, o.Key.Name)
		}
	}
	protocols.report(p, w, codes.DeploymentProtocols, "Services of its pods serve port %s with different protocols: %s",
		"use one protocol for the port, or another port in one of the Services")
	targets.report(p, w, codes.TargetPortConflict, "Services of its pods lead to port %s by different ports of theirs, and its proxy can know it by one only: %s",
		"use the same port in all of the Services, or give each a target port of its own")
}

func (c claims) report(p *analyze.Pass, w *analyze.Workload, code codes.Code, message, fix string) {
	for _, port := range slices.Sorted(maps.Keys(c)) {
		switch {
		case !c[port].conflict():
		case inMesh(w):
			p.Report(analyze.Finding{Code: code, Object: w.Object, Field: "metadata.name", Message: fmt.Sprintf(message, port, c[port].list()), Fix: fix})
		case !says(w) && p.Get(config.Key{Kind: config.Namespace, Name: w.Namespace}) == nil && !p.Knows(config.Namespace):
			p.Open(code, w.Object, "Namespace "+w.Namespace+", which says whether the pods get a proxy", config.Namespace)
		}
	}
}

// inMesh reports whether pods get a proxy, or are meant to: they ask for one.
func inMesh(w *analyze.Workload) bool {
	own, _ := asks(w)
	return w.Meshed || own
}

func says(w *analyze.Workload) bool {
	_, says := asks(w)
	return says
}

// asks returns what the pods say themselves about injection.
func asks(w *analyze.Workload) (value, says bool) {
	text, labelled := w.Labels[inject.Label]
	if !labelled {
		text = w.Annotations[inject.Annotation]
	}
	return inject.ParseBool(text)
}

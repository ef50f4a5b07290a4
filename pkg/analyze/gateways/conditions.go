package gateways

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// telling are the conditions of a kind that say, when false, that the object is not in force.
type telling struct {
	kind  config.Kind
	types []string
}

func tellingConditions() []telling {
	waypoint, gateway := []string{"istio.io/WaypointBound"}, []string{"Accepted", "Programmed", "ResolvedRefs"}
	return []telling{
		{config.Service, waypoint}, {config.ServiceEntry, waypoint}, {config.WorkloadEntry, waypoint},
		{config.AuthzPolicy, []string{"ZtunnelAccepted", waypointAccepted}},
		{config.K8sGateway, gateway}, {config.HTTPRoute, gateway}, {config.GRPCRoute, gateway},
	}
}

// waypointAccepted is true also when a part of the policy was not accepted; its reason says so.
const (
	waypointAccepted = "WaypointAccepted"
	partiallyInvalid = "PartiallyInvalid"
)

func conditions() *analyze.Analyzer {
	a := &analyze.Analyzer{
		Name:  "status-condition",
		Doc:   "objects whose status says that a controller did not take them",
		Codes: []codes.Code{codes.NegativeStatus},
		Run: func(p *analyze.Pass) {
			for _, t := range tellingConditions() {
				for _, o := range p.All(t.kind) {
					judgeConditions(p, o, t.types)
				}
			}
		},
	}
	for _, t := range tellingConditions() {
		a.Kinds = append(a.Kinds, t.kind)
	}
	return a
}

func judgeConditions(p *analyze.Pass, o *config.Object, types []string) {
	for _, c := range conditionsOf(o) {
		for _, t := range types {
			partly := t == waypointAccepted && c.Reason == partiallyInvalid
			if c.Type != t || c.Status != string(metav1.ConditionFalse) && !partly {
				continue
			}
			p.Report(analyze.Finding{
				Code: codes.NegativeStatus, Object: o, Field: c.field,
				Message: strings.TrimRight(fmt.Sprintf("its status has the condition %s=%s, reason %s: %s", c.Type, c.Status, c.Reason, oneLine(c.Message)), " :"),
			})
		}
	}
}

// located is a condition with its place.
type located struct {
	config.Condition
	field string
}

// conditionsOf are the conditions of an object, those of a route's parents among them.
func conditionsOf(o *config.Object) []located {
	var out []located
	switch spec := o.Spec.(type) {
	case *corev1.Service:
		out = locate(spec.Status.Conditions, "status")
	case *gatewayv1.Gateway:
		out = locate(spec.Status.Conditions, "status")
	case *gatewayv1.HTTPRoute:
		out = ofParents(spec.Status.Parents)
	case *gatewayv1.GRPCRoute:
		out = ofParents(spec.Status.Parents)
	default:
		for i, c := range o.Conditions {
			out = append(out, located{c, fmt.Sprintf("status.conditions[%d]", i)})
		}
	}
	return out
}

func ofParents(parents []gatewayv1.RouteParentStatus) []located {
	var out []located
	for i, parent := range parents {
		out = append(out, locate(parent.Conditions, fmt.Sprintf("status.parents[%d]", i))...)
	}
	return out
}

func locate(list []metav1.Condition, path string) []located {
	var out []located
	for i, c := range list {
		out = append(out, located{
			config.Condition{Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: c.Message},
			fmt.Sprintf("%s.conditions[%d]", path, i),
		})
	}
	return out
}

// oneLine bounds what a controller wrote.
func oneLine(s string) string {
	const most = 200
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

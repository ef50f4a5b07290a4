package status

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// parentsOf returns the parents of a route and what its status says of them; nothing for what is no route.
func parentsOf(o *config.Object) ([]gatewayv1.ParentReference, []gatewayv1.RouteParentStatus) {
	switch r := o.Spec.(type) {
	case *gatewayv1.HTTPRoute:
		return r.Spec.ParentRefs, r.Status.Parents
	case *gatewayv1.GRPCRoute:
		return r.Spec.ParentRefs, r.Status.Parents
	case *gatewayv1.TCPRoute:
		return r.Spec.ParentRefs, r.Status.Parents
	case *gatewayv1.TLSRoute:
		return r.Spec.ParentRefs, r.Status.Parents
	}
	return nil, nil
}

// parentKey is the object that a reference means.
func parentKey(o *config.Object, ref gatewayv1.ParentReference) config.Key {
	key := config.Key{Kind: config.K8sGateway, Namespace: o.Key.Namespace, Name: string(ref.Name)}
	if ref.Group != nil {
		if key.Kind.Group = string(*ref.Group); key.Kind.Group == "core" {
			key.Kind.Group = ""
		}
	}
	if ref.Kind != nil {
		key.Kind.Name = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		key.Namespace = string(*ref.Namespace)
	}
	return key
}

// route is the status of a route: what became of it at each of its parents that are ours. What other controllers wrote stays.
func (w world) route(o *config.Object) (map[string]any, bool) {
	refs, had := parentsOf(o)
	list, same := []any{}, true
	for i, ref := range refs {
		key := parentKey(o, ref)
		if parent := w.set.Get(key); parent != nil {
			if g, gateway := parent.Spec.(*gatewayv1.Gateway); gateway && !w.ours(g) {
				continue
			}
		}
		verdicts := []config.Condition{
			verdict("Accepted", "Accepted", "NoMatchingParent", errorsOf(w.problems[o.Key], fmt.Sprintf("spec.parentRefs[%d]", i))),
			verdict("ResolvedRefs", "ResolvedRefs", "BackendNotFound", w.unresolved(o)),
		}
		same = same && slices.ContainsFunc(had, func(s gatewayv1.RouteParentStatus) bool {
			return s.ControllerName == convert.Controller && sameRef(s.ParentRef, ref) && holds(s.Conditions, verdicts, o.Meta.Generation)
		})
		list = append(list, map[string]any{
			"parentRef": plain(ref), "controllerName": convert.Controller, "conditions": conditions(verdicts, o.Meta.Generation),
		})
	}
	if len(refs) == 0 && len(had) == 0 {
		return nil, false
	}
	for _, s := range had {
		if s.ControllerName != convert.Controller {
			list = append(list, plain(s))
		}
	}
	return map[string]any{"parents": list}, !same || len(had) != len(list)
}

// unresolved are the references of a route's rules that lead nowhere.
func (w world) unresolved(o *config.Object) []config.Problem {
	return slices.DeleteFunc(errorsOf(w.problems[o.Key], "spec.rules"), func(p config.Problem) bool {
		return p.Code != codes.ReferenceNotFound && !strings.Contains(p.Field, "backendRefs")
	})
}

func sameRef(a, b gatewayv1.ParentReference) bool {
	x, _ := json.Marshal(a) // of plain fields
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// plain is a value of the API as a document has it.
func plain(v any) any {
	var out any
	data, err := json.Marshal(v)
	if err == nil {
		_ = json.Unmarshal(data, &out) // what was just written can be read
	}
	return out
}

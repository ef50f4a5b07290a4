// Package status tells authors, in their objects, what became of them: accepted, or rejected and why.
package status

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Update is the status that an object should have.
type Update struct {
	Key        config.Key
	APIVersion string
	// Status is what belongs under status, without times; conditions in it may be nested, see stamp.
	Status map[string]any
}

// Of computes the status of every object of a mesh that has one. problems are all that is known to be wrong with them, and their order is
// that in which they are told. An object whose status is already as it should be is left out.
func Of(s *mesh.Snapshot, problems []config.Problem) []Update {
	set := s.Set()
	w := world{snapshot: s, set: set, problems: map[config.Key][]config.Problem{}}
	for _, p := range problems {
		w.problems[p.Object] = append(w.problems[p.Object], p)
	}
	var out []Update
	for _, kind := range set.Kinds() {
		for _, o := range set.Sorted(kind) {
			if status, has := w.of(o); has {
				out = append(out, Update{o.Key, o.APIVersion, status})
			}
		}
	}
	return out
}

// world is what statuses are computed from.
type world struct {
	snapshot *mesh.Snapshot
	set      config.Set
	problems map[config.Key][]config.Problem
}

// of returns the status of an object; has is false for what has none, or has the right one.
func (w world) of(o *config.Object) (status map[string]any, has bool) {
	switch {
	case strings.HasSuffix(o.Key.Kind.Group, ".istio.io"):
		return w.istio(o)
	case o.Key.Kind == config.GatewayClass:
		return w.class(o)
	case o.Key.Kind == config.K8sGateway:
		return w.gateway(o)
	case o.Key.Kind == config.Ingress:
		return w.ingress(o)
	default:
		return w.route(o)
	}
}

// conditionReconciled is the type under which Istio says whether an object is in force.
const conditionReconciled = "Reconciled"

// istio is the status of Istio's kinds (istio.meta.v1alpha1.IstioStatus): whether the object is in force, and every finding. The message
// counts the findings, so that an object whose condition is as it should be has the right ones.
func (w world) istio(o *config.Object) (map[string]any, bool) {
	c := config.Condition{Type: conditionReconciled, Status: "True", Reason: "Accepted", Message: "in force"}
	list := w.problems[o.Key]
	if failed := errorsOf(list, ""); len(failed) > 0 {
		c.Status, c.Reason, c.Message = "False", "Rejected", told(failed)
	} else if len(list) > 0 {
		c.Message += ", but: " + told(list)
	}
	if g := o.Meta.Generation; g != 0 {
		c.ObservedGeneration = json.Number(strconv.FormatInt(g, 10))
	}
	if slices.Contains(o.Conditions, c) {
		return nil, false
	}
	messages := []any{}
	for _, p := range list {
		messages = append(messages, map[string]any{
			"type":  map[string]any{"code": string(p.Code), "name": title(p)},
			"level": strings.ToUpper(fmt.Sprint(p.Severity)),
		})
	}
	return map[string]any{"conditions": []any{condition(c, o.Meta.Generation)}, "validationMessages": messages}, true
}

func title(p config.Problem) string { return strings.TrimPrefix(p.Field+": "+sentence(p), ": ") }

// errorsOf are the errors among problems whose field begins with a path.
func errorsOf(list []config.Problem, path string) []config.Problem {
	var out []config.Problem
	for _, p := range list {
		if p.Severity == config.Error && within(p.Field, path) {
			out = append(out, p)
		}
	}
	return out
}

// within reports whether a field is path or below it.
func within(field, path string) bool {
	rest, ok := strings.CutPrefix(field, path)
	return ok && (path == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// told is one line about problems: the first, and how many there are besides.
func told(list []config.Problem) string {
	text := title(list[0])
	if more := len(list) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

func sentence(p config.Problem) string {
	if p.Fix == "" {
		return p.Message
	}
	return p.Message + " (" + p.Fix + ")"
}

// condition is one of a list in a status; a generation of 0 is left out.
func condition(c config.Condition, generation int64) map[string]any {
	out := map[string]any{"type": c.Type, "status": c.Status, "reason": c.Reason, "message": c.Message}
	if generation != 0 {
		out["observedGeneration"] = generation
	}
	return out
}

// stamp sets the time of every condition in a status.
func stamp(v any, now metav1.Time) {
	switch v := v.(type) {
	case map[string]any:
		if _, typed := v["type"].(string); typed && v["reason"] != nil {
			v["lastTransitionTime"] = now.UTC().Format("2006-01-02T15:04:05Z")
			return
		}
		for _, e := range v {
			stamp(e, now)
		}
	case []any:
		for _, e := range v {
			stamp(e, now)
		}
	}
}

package wait

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

var (
	podKind        = corev1.SchemeGroupVersion.WithKind("Pod")
	eventKind      = corev1.SchemeGroupVersion.WithKind("Event")
	replicaSetKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}
)

// event is the part of an Event that matters.
type event struct{ reason, message string }

// events are those about an object, the last one first.
func (s *store) events(namespace string, about types.UID) []event {
	var found []*unstructured.Unstructured
	for _, e := range s.places[place{eventKind, namespace}] {
		if uid, _, _ := unstructured.NestedString(e.Object, "involvedObject", "uid"); uid == string(about) {
			found = append(found, e)
		}
	}
	last := func(e *unstructured.Unstructured) string {
		text := ""
		for _, name := range []string{"lastTimestamp", "eventTime", "firstTimestamp"} {
			if t, _ := e.Object[name].(string); t > text {
				text = t
			}
		}
		return text
	}
	slices.SortStableFunc(found, func(a, b *unstructured.Unstructured) int { return -cmp.Compare(last(a), last(b)) })
	out := make([]event, len(found))
	for i, e := range found {
		out[i].reason, _ = e.Object["reason"].(string)
		out[i].message, _ = e.Object["message"].(string)
	}
	return out
}

// pod says what one pod is waiting for.
func (s *store) pod(u *unstructured.Unstructured, where string) (Node, []Problem) {
	node := Node{Kind: "pod", Name: u.GetName()}
	var p corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &p); err != nil {
		node.Message = err.Error()
		return node, nil
	}
	where += ", pod " + p.Name
	if ready(&p) {
		node.State = Ready
		return node, nil
	}
	events := s.events(p.Namespace, p.UID)
	if problem, is := unscheduled(&p, events, where); is {
		node.Message = problem.Message
		return node, []Problem{problem}
	}
	var problems []Problem
	containers := slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses)
	for _, c := range containers {
		below, problem := s.container(&p, c, events, where)
		node.Children = append(node.Children, below)
		if problem != nil {
			problems = append(problems, *problem)
		}
	}
	node.Message = strings.ToLower(string(p.Status.Phase))
	if len(problems) == 0 {
		if i := slices.IndexFunc(events, func(e event) bool { return strings.HasPrefix(e.reason, "Failed") }); i >= 0 {
			node.Message = short(events[i].reason + ": " + events[i].message)
			problems = append(problems, Problem{Where: where, Class: events[i].reason, Message: node.Message})
		}
	}
	return node, problems
}

func ready(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func unscheduled(p *corev1.Pod, events []event, where string) (Problem, bool) {
	for _, c := range p.Status.Conditions {
		if c.Type != corev1.PodScheduled || c.Status != corev1.ConditionFalse || c.Reason != corev1.PodReasonUnschedulable {
			continue
		}
		known, ok := find(schedulings, c.Message)
		if !ok {
			known.class = "schedule"
		}
		known.grace = unscheduledFor
		known.passes = slices.ContainsFunc(events, func(e event) bool { return slices.Contains(scalesUp, e.reason) })
		return known.problem(where, "no node can run it: "+short(c.Message)), true
	}
	return Problem{}, false
}

// container says what one container is waiting for.
func (s *store) container(p *corev1.Pod, c corev1.ContainerStatus, events []event, where string) (Node, *Problem) {
	node := Node{Kind: "container", Name: c.Name}
	where += ", container " + c.Name
	switch state := c.State; {
	case c.Ready || state.Terminated != nil && state.Terminated.ExitCode == 0:
		node.State = Ready
		return node, nil
	case state.Waiting != nil:
		return s.waiting(p, c, events, node, where)
	case state.Terminated != nil:
		node.Message = fmt.Sprintf("ended with exit code %d (%s)", state.Terminated.ExitCode, state.Terminated.Reason)
		return node, crash(p, c, where, node.Message)
	default:
		node.Message = "runs, and is not ready"
		for _, e := range events {
			if e.reason == "Unhealthy" && aboutContainer(e.message, p) {
				node.Message = "runs, and is not ready: " + short(e.message)
				break
			}
		}
		return node, &Problem{Where: where, Class: "probe", Message: node.Message, log: &container{p.Namespace, p.Name, c.Name}}
	}
}

// aboutContainer is whether an event about a probe is still worth showing; pods that end have failing probes as well.
func aboutContainer(message string, p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && strings.Contains(message, "probe")
}

func (s *store) waiting(p *corev1.Pod, c corev1.ContainerStatus, events []event, node Node, where string) (Node, *Problem) {
	reason, message := c.State.Waiting.Reason, c.State.Waiting.Message
	known, ok := find(waitings, reason)
	if !ok {
		node.Message = reason
		return node, nil
	}
	node.State = Stuck
	switch known.class {
	case "image":
		// Between two attempts the kubelet only says that it waits; its event has the reason.
		for _, e := range events {
			if reason == "ImagePullBackOff" && e.reason == "Failed" && strings.Contains(e.message, c.Image) && strings.HasPrefix(e.message, "Failed to pull") {
				message = e.message
				break
			}
		}
		node.Message = fmt.Sprintf("its image %s cannot be pulled: %s: %s", c.Image, reason, short(message))
	case "crash":
		node.Message = "it crashes again and again"
		if t := c.LastTerminationState.Terminated; t != nil {
			node.Message = fmt.Sprintf("it crashes again and again (exit code %d, %s, %d restarts)", t.ExitCode, t.Reason, c.RestartCount)
		}
	default:
		node.Message = reason + ": " + short(message)
	}
	problem := known.problem(where, node.Message)
	if known.class == "crash" {
		problem.log = &container{p.Namespace, p.Name, c.Name}
	}
	return node, &problem
}

func crash(p *corev1.Pod, c corev1.ContainerStatus, where, message string) *Problem {
	return &Problem{
		Where: where, Class: "crash", Message: message, Hint: crashHint, Terminal: c.RestartCount >= 2 || p.Spec.RestartPolicy == corev1.RestartPolicyNever,
		log: &container{p.Namespace, p.Name, c.Name},
	}
}

// short makes one line of bounded length.
func short(s string) string {
	const most = 400
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

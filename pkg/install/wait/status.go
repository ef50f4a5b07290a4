package wait

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// target says how far one object has come.
func (s *store) target(p place, name string) (Node, []Problem) {
	display := name
	if p.namespace != "" {
		display = p.namespace + "/" + name
	}
	node := Node{Kind: p.kind.Kind, Name: display}
	where := node.Kind + " " + display
	u, read := s.named(p, name)
	switch {
	case u == nil && s.failed[p] != nil:
		node.Message = short(s.failed[p].Error())
		return node, []Problem{{Where: where, Class: "watch", Message: node.Message}}
	case u == nil && !read:
		node.Message = "not seen yet"
		return node, nil
	case u == nil:
		node.Message = "does not exist"
		return node, []Problem{{Where: where, Class: "gone", Message: "it was deleted while it was waited for", Terminal: true, Grace: unscheduledFor}}
	}
	if bundles := p.kind.Group == "admissionregistration.k8s.io"; bundles {
		return webhooks(u, node, where)
	}
	result, err := status.Compute(u)
	if err != nil {
		node.Message = err.Error()
		return node, []Problem{{Where: where, Class: "status", Message: node.Message}}
	}
	node.Message = result.Message
	switch result.Status {
	case status.CurrentStatus:
		node.State, node.Message = Ready, ""
		return node, nil
	case status.FailedStatus:
		node.State = Stuck
	}
	var problems []Problem
	if p.kind.Group == "apps" || p.kind.Group == "batch" {
		node.Children, problems = s.below(p, u, where)
	}
	if node.State == Stuck && len(problems) == 0 {
		problems = append(problems, Problem{Where: where, Class: "failed", Message: result.Message, Terminal: true})
	}
	return node, problems
}

// webhooks are ready when the API server can trust who answers: that is when meshd has filled in its authority.
func webhooks(u *unstructured.Unstructured, node Node, where string) (Node, []Problem) {
	list, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
	for _, item := range list {
		w, _ := item.(map[string]any)
		service, _, _ := unstructured.NestedMap(w, "clientConfig", "service")
		if bundle, _, _ := unstructured.NestedString(w, "clientConfig", "caBundle"); service != nil && bundle == "" {
			node.Message = "its caBundle is not filled in yet"
			return node, []Problem{{Where: where, Class: "bundle", Message: node.Message, Hint: "meshd's leader fills it in: see its log"}}
		}
	}
	node.State = Ready
	return node, nil
}

// below are the ReplicaSet and the pods of a workload, as far as they are what is waited for: the newest.
func (s *store) below(p place, u *unstructured.Unstructured, where string) ([]Node, []Problem) {
	pods := place{podKind, p.namespace}
	if p.kind.Kind != "Deployment" {
		return s.pods(p, u, s.ownedBy(pods, u.GetUID()), where)
	}
	sets := s.ownedBy(place{replicaSetKind, p.namespace}, u.GetUID())
	if len(sets) == 0 {
		return nil, s.refused(u, where)
	}
	newest := slices.MaxFunc(sets, func(a, b *unstructured.Unstructured) int { return generation(a) - generation(b) })
	node := Node{Kind: "ReplicaSet", Name: newest.GetName()}
	children, problems := s.pods(p, newest, s.ownedBy(pods, newest.GetUID()), where)
	node.Children = children
	if len(problems) == 0 {
		problems = s.refused(u, where)
	}
	for _, problem := range problems {
		if node.Message == "" && len(children) == 0 {
			node.Message = problem.Message
		}
	}
	return []Node{node}, problems
}

func generation(set *unstructured.Unstructured) int {
	n, _ := strconv.Atoi(set.GetAnnotations()["deployment.kubernetes.io/revision"])
	return n
}

// pods says what the pods of an owner wait for, and whether the owner may not create them.
func (s *store) pods(p place, owner *unstructured.Unstructured, pods []*unstructured.Unstructured, where string) (nodes []Node, problems []Problem) {
	pods = slices.DeleteFunc(slices.Clone(pods), func(u *unstructured.Unstructured) bool { return u.GetDeletionTimestamp() != nil }) // nobody waits for those
	slices.SortFunc(pods, func(a, b *unstructured.Unstructured) int {
		return slices.Compare([]string{a.GetName()}, []string{b.GetName()})
	})
	for _, pod := range pods {
		node, found := s.pod(pod, where)
		nodes = append(nodes, node)
		problems = append(problems, found...)
	}
	if len(problems) > 0 {
		return nodes, problems
	}
	if problems = s.refused(owner, where); len(problems) > 0 {
		return nodes, problems
	}
	if want, _, _ := unstructured.NestedInt64(owner.Object, "spec", "replicas"); int(want) > len(pods) {
		for _, e := range s.events(p.namespace, owner.GetUID()) {
			if e.reason == "FailedCreate" {
				return nodes, []Problem{refusal(where, e.message)}
			}
		}
	}
	return nodes, nil
}

// refused reads from the conditions of a workload that its pods cannot be created.
func (s *store) refused(u *unstructured.Unstructured, where string) []Problem {
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		if c["type"] == "ReplicaFailure" && c["status"] == "True" {
			message, _ := c["message"].(string)
			return []Problem{refusal(where, message)}
		}
	}
	return nil
}

func refusal(where, message string) Problem {
	known, ok := find(refusals, message)
	if !ok {
		known = cause{class: "create", passes: true}
	}
	return known.problem(where, fmt.Sprintf("its pods cannot be created: %s", short(message)))
}

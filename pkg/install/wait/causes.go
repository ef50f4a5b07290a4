package wait

import (
	"slices"
	"strings"
	"time"
)

// cause is what a message of Kubernetes means.
type cause struct {
	class string
	// words are looked for in the message; one of them is enough.
	words []string
	hint  string
	grace time.Duration
	// passes is a cause that may pass by itself.
	passes bool
}

// refusals are the causes for which pods are not created at all, in the order in which they are looked for.
var refusals = []cause{
	{class: "quota", words: []string{"exceeded quota", "must specify limits", "must specify requests"}, grace: time.Second,
		hint: "raise the ResourceQuota of the namespace, or lower the resources with --set"},
	{class: "limits", words: []string{"maximum cpu usage", "maximum memory usage", "minimum cpu usage", "minimum memory usage"}, grace: time.Second,
		hint: "the LimitRange of the namespace does not allow these resources: change it, or the resources with --set"},
	{class: "webhook-down", words: []string{"failed calling webhook"}, grace: 6 * time.Second,
		hint: "see whether its Service has endpoints, or delete the webhook's configuration if its owner is gone"},
	{class: "webhook-denied", words: []string{"denied the request"}, grace: 2 * time.Second, hint: "ask the owner of that webhook or policy to allow it"},
	{class: "pod-security", words: []string{"violates PodSecurity"}, grace: time.Second,
		hint: "relax the pod-security.kubernetes.io labels of the namespace, or choose another one"},
	{class: "account", words: []string{"error looking up service account"}, grace: 5 * time.Second, hint: "the ServiceAccount is gone: run the installation again"},
	{class: "forbidden", words: []string{"is forbidden"}, grace: 5 * time.Second},
}

// schedulings are the causes for which pods find no node.
var schedulings = []cause{
	{class: "volume", words: []string{"persistentvolumeclaim", "unbound immediate", "volume node affinity"}, hint: "see the PersistentVolumeClaim: it needs a StorageClass or a volume that fits"},
	{class: "taint", words: []string{"untolerated taint"}, hint: "take the taint off a node, or let the pods tolerate it with --set"},
	{class: "resources", words: []string{"Insufficient"}, hint: "free some of it, add a node, or ask for less with --set"},
	{class: "affinity", words: []string{"affinity", "node selector", "topology spread"}, hint: "no node fits the pods' affinity or selector: label one, or change it with --set"},
	{class: "nodes", words: []string{"no nodes available"}, hint: "the cluster has no node that could run pods"},
}

const (
	imageHint  = "see hub and tag (--set hub=... --set tag=...) and the pull secrets, or bring the images to the nodes with `meshctl image`"
	configHint = "the pod's configuration names something that does not exist"
	crashHint  = "the last lines of its log say why"
)

// waitings are the reasons for which containers wait, by what the kubelet calls them.
var waitings = []cause{
	{class: "image", words: []string{"InvalidImageName", "ErrImageNeverPull"}, hint: imageHint},
	{class: "image", words: []string{"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"}, hint: imageHint, grace: 3 * time.Second},
	{class: "config", words: []string{"CreateContainerConfigError"}, hint: configHint, grace: 6 * time.Second},
	{class: "runtime", words: []string{"CreateContainerError", "RunContainerError"}, hint: "the container runtime refuses to start it", grace: 4 * time.Second},
	{class: "crash", words: []string{"CrashLoopBackOff"}, hint: crashHint, grace: 2 * time.Second},
}

// scalesUp are the events of autoscalers that bring a node for a pod which finds none.
var scalesUp = []string{"TriggeredScaleUp", "Nominated"}

// unscheduledFor is how long a pod may find no node before that counts as its end.
const unscheduledFor = 7 * time.Second

func find(causes []cause, message string) (cause, bool) {
	i := slices.IndexFunc(causes, func(c cause) bool {
		return slices.ContainsFunc(c.words, func(w string) bool { return strings.Contains(message, w) })
	})
	if i < 0 {
		return cause{}, false
	}
	return causes[i], true
}

func (c cause) problem(where, message string) Problem {
	return Problem{Where: where, Class: c.class, Message: message, Hint: c.hint, Terminal: !c.passes, Grace: c.grace}
}

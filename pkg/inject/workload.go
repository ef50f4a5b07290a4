package inject

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const workloadLabel = "service.istio.io/workload-name"

// Workload is the name by which telemetry knows what a pod belongs to: the label service.istio.io/workload-name, else the name of its
// controller without what Kubernetes appends to it: the hash of a ReplicaSet, the time of a CronJob's Job. Pods that nothing controls are
// known by their own name.
func Workload(pod *corev1.Pod) string {
	if name := pod.Labels[workloadLabel]; name != "" {
		return name
	}
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || pod.GenerateName == "" {
		if pod.Name == "" {
			return strings.TrimSuffix(pod.GenerateName, "-")
		}
		return pod.Name
	}
	switch owner.Kind {
	case "ReplicaSet":
		for _, hash := range []string{pod.Labels["pod-template-hash"], pod.Labels["rollouts-pod-template-hash"]} {
			if name, found := strings.CutSuffix(owner.Name, "-"+hash); found && hash != "" && name != "" {
				return name
			}
		}
	case "ReplicationController":
		if name := pod.Labels["deploymentconfig"]; name != "" {
			return name
		}
	case "Job":
		return withoutTime(owner.Name)
	}
	return owner.Name
}

// withoutTime cuts off the time that a CronJob gives its Jobs: a dash and eight to ten digits.
func withoutTime(job string) string {
	i := strings.LastIndexByte(job, '-')
	digits := job[i+1:]
	if i <= 0 || len(digits) < 8 || len(digits) > 10 || strings.Trim(digits, "0123456789") != "" {
		return job
	}
	return job[:i]
}

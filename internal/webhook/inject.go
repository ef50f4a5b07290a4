package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/inject"
)

// inject adds the proxy to a pod that is to have one.
func (o Options) inject(r *http.Request, request *admissionv1.AdmissionRequest) answer {
	if request.Operation != admissionv1.Create || request.SubResource != "" || request.Kind.Group != "" || request.Kind.Kind != "Pod" {
		return answer{outcome: Skipped}
	}
	var pod corev1.Pod
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return answer{outcome: Failed, denied: "the pod cannot be read: " + err.Error()}
	}
	settings, err := o.Settings()
	if err != nil {
		return answer{outcome: Failed, denied: "the injector's settings cannot be used: " + err.Error()}
	}
	verdict := inject.Admit(inject.Candidate{
		Namespace: request.Namespace, Labels: pod.Labels, Annotations: pod.Annotations, HostNetwork: pod.Spec.HostNetwork,
	}, settings.Policy)
	if !verdict.Inject {
		o.Log.Debug("not injected", "namespace", request.Namespace, "pod", podName(&pod), "reason", verdict.Reason)
		return answer{outcome: Skipped}
	}
	parameters := pathParameters(r.URL.Path)
	out, err := inject.Pod(inject.PodInput{
		Pod: &pod, Namespace: request.Namespace, Settings: settings, Mesh: o.Mesh(), Revision: o.Revision,
		NativeSidecars: o.NativeSidecars(), Cluster: parameters["cluster"], Network: parameters["net"],
	})
	if err != nil {
		return answer{outcome: Failed, denied: fmt.Sprintf("pod %s/%s cannot be injected: %v", request.Namespace, podName(&pod), err)}
	}
	patch, err := patchOf(request.Object.Raw, &pod, out.Pod)
	if err != nil {
		return answer{outcome: Failed, denied: "the patch cannot be made: " + err.Error()}
	}
	return answer{outcome: Injected, patch: patch, warnings: out.Warnings}
}

// podName is what is known of the name: the API server completes generated names later.
func podName(pod *corev1.Pod) string {
	if pod.Name == "" {
		return pod.GenerateName + "*"
	}
	return pod.Name
}

// patchOf is the JSON patch (RFC 6902) from the pod as it was sent to what it became.
func patchOf(raw []byte, before, after *corev1.Pod) ([]byte, error) {
	rebased, err := inject.Rebase(raw, before, after)
	if err != nil {
		return nil, err
	}
	operations, err := jsonpatch.CreatePatch(raw, rebased)
	if err != nil {
		return nil, err
	}
	return json.Marshal(operations)
}

// pathParameters reads what follows /inject: pairs of names and values, in which "--slash--" stands for a slash, or ":ENV:NAME=VALUE"
// with the names of variables, as in Istio's injectionPath and injectionURL.
func pathParameters(path string) map[string]string {
	out := map[string]string{}
	rest := strings.Trim(strings.TrimPrefix(path, pathInject), "/")
	if list, old := strings.CutPrefix(rest, ":ENV:"); old {
		for pair := range strings.SplitSeq(list, ":ENV:") {
			name, value, _ := strings.Cut(pair, "=")
			out[parameter(name)] = value
		}
		return out
	}
	parts := strings.Split(rest, "/")
	for i := 0; i+1 < len(parts); i += 2 {
		out[parameter(parts[i])] = strings.ReplaceAll(parts[i+1], "--slash--", "/")
	}
	return out
}

func parameter(name string) string {
	switch name {
	case "ISTIO_META_CLUSTER_ID":
		return "cluster"
	case "ISTIO_META_NETWORK", "network":
		return "net"
	}
	return name
}

package kube

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
)

// What is left of a pod still says which workload it is of: pictures and tables name it by that.
func TestTrimmedPodsNameTheirWorkload(t *testing.T) {
	yes := true
	meta := metav1.ObjectMeta{
		Name: "reviews-v1-6545875576-k674k", GenerateName: "reviews-v1-6545875576-", Namespace: "default", Labels: map[string]string{"pod-template-hash": "6545875576"},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "other"}, {APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "reviews-v1-6545875576", UID: "1", Controller: &yes}},
		ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kubelet"}},
	}
	pod := &corev1.Pod{ObjectMeta: meta}
	o := trimmed(config.New(config.Object{Key: config.Key{Kind: config.Pod, Namespace: "default", Name: meta.Name}, Meta: config.Meta{Labels: meta.Labels}, Spec: pod}))
	got := o.Spec.(*corev1.Pod)
	if name := inject.Workload(got); name != "reviews-v1" {
		t.Errorf("the workload is %q", name)
	}
	if len(got.OwnerReferences) != 1 || got.OwnerReferences[0].UID != "" || got.ManagedFields != nil {
		t.Errorf("more is kept than is read: %+v", got.ObjectMeta)
	}
}

package gatewaydeploy

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/pkg/inject"
)

const (
	proxyUser  = int64(1337)
	healthPort = 15021
)

func (b *builder) serviceAccount() *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: b.objectMeta(b.account()),
	}
}

// deployment has no replicas: whoever scales it, decides. Its pods hold the proxy already, so that a newer proxy or another configuration
// of the injector makes new ones; no webhook has to be there.
func (b *builder) deployment() (*appsv1.Deployment, error) {
	yes, user := true, proxyUser
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Namespace: b.key.Namespace, Labels: b.labels(), Annotations: b.annotations()}}
	for name, value := range map[string]string{
		"inject.istio.io/templates": "gateway",
		"prometheus.io/scrape":      "true", "prometheus.io/port": "15020", "prometheus.io/path": "/stats/prometheus",
	} {
		template.Annotations[name] = value
	}
	template.Spec = corev1.PodSpec{
		ServiceAccountName: b.account(),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user, FSGroup: &user,
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			// Gateways listen on ports below 1024 without any privilege.
			Sysctls: []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}},
		},
		Containers: []corev1.Container{{Name: inject.ProxyContainer, Image: "auto"}},
	}
	injected, err := inject.Pod(inject.PodInput{
		Pod:       &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec},
		Namespace: b.key.Namespace, Workload: b.name(), Settings: b.Settings, Mesh: b.Mesh, Revision: b.Revision,
	})
	if err != nil {
		return nil, fmt.Errorf("the proxy cannot be configured: %w", err)
	}
	b.warnings = append(b.warnings, injected.Warnings...)
	template.ObjectMeta, template.Spec = injected.Pod.ObjectMeta, injected.Pod.Spec
	template.Namespace = ""
	template.Labels[inject.Label] = "false"                                              // the proxy is there
	for _, note := range []string{"proxy.istio.io/overrides", inject.StatusAnnotation} { // for taking a proxy out of a pod again
		delete(template.Annotations, note)
	}
	return &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: b.objectMeta(b.name()),
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: b.selector()}, Template: template},
	}, nil
}

func (b *builder) service() (*corev1.Service, error) {
	kind := corev1.ServiceTypeLoadBalancer
	switch asked := corev1.ServiceType(b.meta.Annotations[typeAnnotation]); asked {
	case "":
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer:
		kind = asked
	default:
		return nil, fmt.Errorf("annotation %s: %q is none of ClusterIP, NodePort and LoadBalancer", typeAnnotation, asked)
	}
	families := corev1.IPFamilyPolicyPreferDualStack
	s := &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: b.objectMeta(b.name()),
		Spec: corev1.ServiceSpec{Type: kind, Selector: b.selector(), Ports: b.ports(), IPFamilyPolicy: &families},
	}
	if a := b.gateway.Spec.Addresses; len(a) > 0 && kind == corev1.ServiceTypeLoadBalancer {
		s.Spec.LoadBalancerIP = a[0].Value
	}
	return s, nil
}

// autoscaler and budget are made only where a patch asks for them, and says the rest.
func (b *builder) autoscaler() *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"}, ObjectMeta: b.objectMeta(b.name()),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: b.name()},
			MaxReplicas:    1,
		},
	}
}

func (b *builder) budget() *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		TypeMeta: metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}, ObjectMeta: b.objectMeta(b.name()),
		Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: b.selector()}},
	}
}

package config

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	extensions "istio.io/api/extensions/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"
	networkingbeta "istio.io/api/networking/v1beta1"
	security "istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"
)

// istioKinds lists the kinds and versions that Istio's CustomResourceDefinitions serve.
// See https://istio.io/latest/docs/reference/config/.
func istioKinds() []*kindEntry {
	all := []string{"v1", "v1beta1", "v1alpha3"}
	stable := []string{"v1", "v1beta1"}
	return []*kindEntry{
		{kind: VirtualService, versions: all, newSpec: specOf[networking.VirtualService]()},
		{kind: DestinationRule, versions: all, newSpec: specOf[networking.DestinationRule]()},
		{kind: Gateway, versions: all, newSpec: specOf[networking.Gateway]()},
		{kind: ServiceEntry, versions: all, newSpec: specOf[networking.ServiceEntry]()},
		{kind: Sidecar, versions: all, newSpec: specOf[networking.Sidecar]()},
		{kind: WorkloadEntry, versions: all, newSpec: specOf[networking.WorkloadEntry]()},
		{kind: WorkloadGroup, versions: all, newSpec: specOf[networking.WorkloadGroup]()},
		{kind: EnvoyFilter, versions: []string{"v1alpha3"}, newSpec: specOf[networking.EnvoyFilter]()},
		{kind: ProxyConfig, versions: []string{"v1beta1"}, newSpec: specOf[networkingbeta.ProxyConfig]()},
		{kind: WasmPlugin, versions: []string{"v1alpha1"}, newSpec: specOf[extensions.WasmPlugin]()},
		{kind: TrafficExtension, versions: []string{"v1alpha1"}, newSpec: specOf[extensions.TrafficExtension]()},
		{kind: Telemetry, versions: []string{"v1", "v1alpha1"}, newSpec: specOf[telemetry.Telemetry]()},
		{kind: PeerAuthn, versions: stable, newSpec: specOf[security.PeerAuthentication]()},
		{kind: RequestAuthn, versions: stable, newSpec: specOf[security.RequestAuthentication]()},
		{kind: AuthzPolicy, versions: stable, newSpec: specOf[security.AuthorizationPolicy]()},
	}
}

func kubernetesKinds() []*kindEntry {
	v1 := []string{"v1"}
	return []*kindEntry{
		{kind: Service, versions: v1, statusMatters: true, newSpec: specOf[corev1.Service]()},
		{kind: Namespace, versions: v1, clusterScoped: true, newSpec: specOf[corev1.Namespace]()},
		{kind: Pod, versions: v1, statusMatters: true, newSpec: specOf[corev1.Pod]()},
		{kind: Node, versions: v1, clusterScoped: true, statusMatters: true, newSpec: specOf[corev1.Node]()},
		{kind: Secret, versions: v1, newSpec: specOf[corev1.Secret](), finish: finishSecret},
		{kind: ConfigMap, versions: v1, newSpec: specOf[corev1.ConfigMap]()},
		{kind: ServiceAccount, versions: v1, newSpec: specOf[corev1.ServiceAccount]()},
		{kind: Endpoints, versions: v1, newSpec: specOf[corev1.Endpoints]()}, //nolint:staticcheck // still what people write by hand
		{kind: EndpointSlice, versions: v1, newSpec: specOf[discoveryv1.EndpointSlice]()},
		{kind: Deployment, versions: v1, newSpec: specOf[appsv1.Deployment]()},
		{kind: ReplicaSet, versions: v1, newSpec: specOf[appsv1.ReplicaSet]()},
		{kind: StatefulSet, versions: v1, newSpec: specOf[appsv1.StatefulSet]()},
		{kind: DaemonSet, versions: v1, newSpec: specOf[appsv1.DaemonSet]()},
		{kind: Job, versions: v1, newSpec: specOf[batchv1.Job]()},
		{kind: CronJob, versions: v1, newSpec: specOf[batchv1.CronJob]()},
		{kind: NetworkPolicy, versions: v1, newSpec: specOf[networkingv1.NetworkPolicy]()},
		{kind: Ingress, versions: v1, newSpec: specOf[networkingv1.Ingress]()},
		{kind: MutatingWebhook, versions: v1, clusterScoped: true, newSpec: specOf[admissionv1.MutatingWebhookConfiguration]()},
		{kind: ValidatingWebhook, versions: v1, clusterScoped: true, newSpec: specOf[admissionv1.ValidatingWebhookConfiguration]()},
		{kind: IngressClass, versions: v1, clusterScoped: true, newSpec: specOf[networkingv1.IngressClass]()},
		{kind: CustomResourceDefinition, versions: v1, clusterScoped: true, passing: true, newSpec: specOf[Definition]()},
	}
}

// gatewayKinds lists the kinds of the Gateway API 1.6 in the versions that its standard or experimental channel serves.
// The fields of all versions of a kind are those of v1, so that the Go type is always v1's.
func gatewayKinds() []*kindEntry {
	beta := []string{"v1", "v1beta1"}
	return []*kindEntry{
		{kind: GatewayClass, versions: beta, clusterScoped: true, newSpec: specOf[gatewayv1.GatewayClass]()},
		{kind: K8sGateway, versions: beta, newSpec: specOf[gatewayv1.Gateway]()},
		{kind: HTTPRoute, versions: beta, newSpec: specOf[gatewayv1.HTTPRoute]()},
		{kind: GRPCRoute, versions: []string{"v1"}, newSpec: specOf[gatewayv1.GRPCRoute]()},
		{kind: TCPRoute, versions: []string{"v1", "v1alpha2"}, newSpec: specOf[gatewayv1.TCPRoute]()},
		{kind: TLSRoute, versions: []string{"v1", "v1alpha3", "v1alpha2"}, newSpec: specOf[gatewayv1.TLSRoute]()},
		{kind: UDPRoute, versions: []string{"v1", "v1alpha2"}, newSpec: specOf[gatewayv1.UDPRoute]()},
		{kind: ListenerSet, versions: []string{"v1"}, newSpec: specOf[gatewayv1.ListenerSet]()},
		{kind: ReferenceGrant, versions: beta, newSpec: specOf[gatewayv1.ReferenceGrant]()},
		{kind: BackendTLSPolicy, versions: []string{"v1", "v1alpha3"}, newSpec: specOf[gatewayv1.BackendTLSPolicy]()},
	}
}

func smiKinds() []*kindEntry {
	four := []string{"v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1"}
	return []*kindEntry{
		{kind: TrafficSplit, versions: four, newSpec: specOf[SMITrafficSplit]()},
		{kind: TrafficTarget, versions: four[1:], newSpec: specOf[SMITrafficTarget](), finish: finishTrafficTarget},
		{kind: HTTPRouteGroup, versions: four, newSpec: specOf[SMIHTTPRouteGroup](), finish: finishHTTPRouteGroup},
		{kind: SMITCPRoute, versions: four, newSpec: specOf[SMIPortRoute]()},
		{kind: SMIUDPRoute, versions: four[:1], newSpec: specOf[SMIPortRoute]()},
	}
}

package values

import "cmp"

// gatewayPaths are the values of a gateway, as an IstioOperator has them, with the values of the chart that they are.
var gatewayPaths = []struct{ from, to string }{
	{"replicaCount", "replicaCount"},
	{"autoscaleEnabled", "autoscaling.enabled"},
	{"autoscaleMin", "autoscaling.minReplicas"},
	{"autoscaleMax", "autoscaling.maxReplicas"},
	{"autoscaleBehavior", "autoscaling.autoscaleBehavior"},
	{"cpu.targetAverageUtilization", "autoscaling.targetCPUUtilizationPercentage"},
	{"memory.targetAverageUtilization", "autoscaling.targetMemoryUtilizationPercentage"},
	{"rollingMaxSurge", "strategy.rollingUpdate.maxSurge"},
	{"rollingMaxUnavailable", "strategy.rollingUpdate.maxUnavailable"},
	{"type", "service.type"},
	{"ports", "service.ports"},
	{"serviceAnnotations", "service.annotations"},
	{"clusterIP", "service.clusterIP"},
	{"loadBalancerIP", "service.loadBalancerIP"},
	{"loadBalancerClass", "service.loadBalancerClass"},
	{"loadBalancerSourceRanges", "service.loadBalancerSourceRanges"},
	{"externalTrafficPolicy", "service.externalTrafficPolicy"},
	{"externalIPs", "service.externalIPs"},
	{"ipFamilyPolicy", "service.ipFamilyPolicy"},
	{"ipFamilies", "service.ipFamilies"},
	{"serviceAccount.annotations", "serviceAccount.annotations"},
	{"resources", "resources"},
	{"podDisruptionBudget", "podDisruptionBudget"},
	{"labels", "labels"},
	{"podAnnotations", "podAnnotations"},
	{"env", "env"},
	{"imagePullPolicy", "imagePullPolicy"},
	{"priorityClassName", "priorityClassName"},
	{"nodeSelector", "nodeSelector"},
	{"tolerations", "tolerations"},
	{"affinity", "affinity"},
	{"topologySpreadConstraints", "topologySpreadConstraints"},
}

// chartValues makes the values of the chart of one gateway.
func (b *builder) chartValues(g *gateway, v Values) Gateway {
	kind := "gateways." + defaultGateway(g.component)
	shared, _ := get(b.tree, kind).(map[string]any)
	whole := clone(shared)
	merge(whole, cloneValue(g.own).(map[string]any))
	leastReplicas(whole)
	out := map[string]any{
		"name": g.name, "revision": v.Revision, "component": g.component,
		"tag": get(b.tree, "global.tag"), "imagePullSecrets": get(b.tree, "global.imagePullSecrets"),
		"serviceAccount": map[string]any{"name": g.name + "-service-account"},
	}
	for _, p := range gatewayPaths {
		if value := get(whole, p.from); value != nil {
			put(out, p.to, value)
		}
	}
	if enabled, _ := get(b.tree, "global.defaultPodDisruptionBudget.enabled").(bool); !enabled {
		out["podDisruptionBudget"] = map[string]any{"minAvailable": nil, "maxUnavailable": nil, "unhealthyPodEvictionPolicy": nil}
	}
	if out["priorityClassName"] == "" {
		out["priorityClassName"] = get(b.tree, "global.priorityClassName")
	}
	// Gateways of one kind are selected alike, whatever their names, unless labels of theirs say otherwise.
	labels, _ := out["labels"].(map[string]any)
	labels = clone(labels)
	if labels["istio"] == nil {
		labels["istio"] = map[string]string{IngressGateways: "ingressgateway", EgressGateways: "egressgateway"}[g.component]
	}
	out["labels"] = labels
	return Gateway{Component: g.component, Name: g.name, Namespace: cmp.Or(g.namespace, v.Namespace), Values: out}
}

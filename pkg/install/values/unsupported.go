package values

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// foreign are settings of Istio's that mean nothing here. Where the user would miss something without them they are refused; a warning says
// of the others that they change nothing.
var foreign = []struct {
	path    string
	refused bool
	why     string
}{
	{"installPackagePath", true, "charts and profiles are part of meshctl"},
	{"compatibilityVersion", true, "there is no other version's behaviour to choose"},
	{"addonComponents", true, "addons are installed on their own"},
	{"experimental", false, "there is nothing to choose"},
	{"profile", true, "name the profile at the top, or by --profile"}, // as a Helm value
	{"istio_cni", true, "traffic is redirected by an init container, not by a CNI plugin"},
	{"cni", true, "traffic is redirected by an init container, not by a CNI plugin"},
	{"ztunnel", true, "there is no ambient mode: pods get sidecars"},
	{"istiodRemote", true, "the control plane runs in the cluster that it serves"},
	{"platform", false, "no platform needs settings of its own"},
	{"ownerName", false, "objects are owned by what is recorded in the cluster"},
	{"telemetry", false, "standard metrics are always there; change them by Telemetry resources"},
	{"global.variant", false, "images hold a proxy or a control plane and nothing else; there are no variants"},
	{"global.logAsJson", false, "meshd logs text"},
	{"global.sds", false, "tokens are always of the audience istio-ca"},
	{"global.sts", true, "there is no token exchange"},
	{"global.jwtPolicy", false, "tokens are always bound to their audience"},
	{"global.pilotCertProvider", true, "certificates come from meshd"},
	{"global.mountMtlsCerts", true, "certificates come from meshd"},
	{"global.externalIstiod", true, "the control plane runs in the cluster that it serves"},
	{"global.remotePilotAddress", true, "the control plane runs in the cluster that it serves"},
	{"global.configCluster", true, "the control plane runs in the cluster that it serves"},
	{"global.operatorManageWebhooks", true, "the control plane keeps the authority of its webhooks itself"},
	{"global.omitSidecarInjectorConfigMap", true, "the injector reads it"},
	{"global.resourceScope", true, "an installation needs its cluster-scoped objects"},
	{"global.istiod.enableAnalysis", false, "the status of resources is always written"},
	{"global.oneNamespace", true, "the control plane looks at all namespaces"},
	{"global.useMCP", true, "configuration comes from the API server"},
	{"global.proxy.tracer", true, "set meshConfig.defaultConfig.tracing, or a Telemetry resource"},
	{"global.tracer", true, "set meshConfig.defaultConfig.tracing, or a Telemetry resource"},
	{"global.proxy.outlierLogPath", true, "set meshConfig.defaultConfig.proxyMetadata"},
	{"global.proxy.enableCoreDump", true, "proxies run without the privileges that it needs"},
	{"global.proxy.statusPort", false, "it is port 15020"},
	{"global.nativeNftables", false, "redirection is always by nftables"},
	{"global.defaultResources", true, "set pilot.resources and gateways.NAME.resources"},
	{"global.defaultNodeSelector", true, "set pilot.nodeSelector and gateways.NAME.nodeSelector"},
	{"global.defaultTolerations", true, "set pilot.tolerations and gateways.NAME.tolerations"},
	{"global.certSigners", true, "certificates come from meshd"},
	{"pilot.enabled", true, "set components.pilot.enabled"},
	{"pilot.traceSampling", true, "set meshConfig.defaultConfig.tracing.sampling"},
	{"pilot.variant", false, "images hold a proxy or a control plane and nothing else; there are no variants"},
	{"pilot.cni", true, "traffic is redirected by an init container, not by a CNI plugin"},
	{"pilot.taint", true, "there is no CNI plugin to wait for"},
	{"pilot.keepaliveMaxServerConnectionAge", true, "connections last until a replica ends"},
	{"pilot.jwksResolverExtraRootCA", true, "keys of tokens are fetched by the proxies"},
	{"pilot.configMap", true, "the control plane reads it"},
	{"pilot.seccompProfile", false, "it is RuntimeDefault"},
	{"pilot.volumes", true, "add volumes by overlays"},
	{"pilot.volumeMounts", true, "add mounts by overlays"},
	{"pilot.initContainers", true, "add containers by overlays"},
	{"pilot.envVarFrom", true, "add variables by overlays"},
	{"sidecarInjectorWebhook.templates", true, "pods are injected by the templates sidecar and gateway"},
	{"sidecarInjectorWebhook.enabled", true, "set components.pilot.enabled"},
	{"base.excludedCRDs", true, "set base.enableCRDTemplates=false and install definitions on your own"},
	{"base.enableIstioConfigCRDs", true, "set base.enableCRDTemplates"},
	{"base.validationURL", true, "mesh resources are checked by the control plane of this cluster"},
	{"base.validationCABundle", true, "the control plane keeps the authority of its webhooks itself"},
	{"gateways.*.enabled", true, "set components.ingressGateways or components.egressGateways"},
	{"gateways.*.secretVolumes", true, "certificates come from the Secrets that Gateways name"},
	{"gateways.*.configVolumes", true, "add volumes by overlays"},
	{"gateways.*.additionalContainers", true, "add containers by overlays"},
	{"gateways.*.customService", true, "set components.ingressGateways[N].k8s.service"},
	{"gateways.*.ingressPorts", true, "set ports"},
	{"gateways.*.runAsRoot", true, "gateways listen on any port without it"},
	{"gateways.*.injectionTemplate", false, "gateways are always injected"},
	{"gateways.*.name", true, "set components.ingressGateways[N].name"},
	{"gateways.*.podAntiAffinityLabelSelector", true, "set affinity"},
	{"gateways.*.podAntiAffinityTermLabelSelector", true, "set affinity"},
	{"gateways.securityContext", true, "set single fields by overlays"},
}

// unsupported reports whether a path is one of foreign's, and says so. An empty value says nothing.
func (b *builder) unsupported(l layer, key, value *yaml.Node, path []string) bool {
	inner := path
	if len(inner) > 0 && inner[0] == "values" {
		inner = inner[1:]
	} else if len(inner) == 1 && inner[0] == "profile" {
		return false // the name of the profile
	}
	for _, f := range foreign {
		if !slices.EqualFunc(strings.Split(f.path, "."), inner, func(want, is string) bool { return want == "*" || want == is }) {
			continue
		}
		switch {
		case isEmpty(value):
		case f.refused:
			b.wrong(l, key, path, "is not supported: "+f.why)
		default:
			b.warn(l, key, path, "changes nothing: "+f.why)
		}
		return true
	}
	return false
}

// isEmpty reports whether a value says nothing: null, "", {}, [] or false.
func isEmpty(n *yaml.Node) bool {
	n = resolve(n)
	return n.Kind == yaml.ScalarNode && (isNull(n) || n.Value == "" || n.Value == "false") || n.Kind != yaml.ScalarNode && len(n.Content) == 0
}

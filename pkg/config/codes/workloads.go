package codes

// The codes of workloads: injection, annotations, Services and the mesh's own installation.
const (
	NotInjected            Code = "IST0102"
	PodWithoutProxy        Code = "IST0103"
	MisplacedAnnotation    Code = "IST0107"
	UnknownAnnotation      Code = "IST0108"
	DeploymentProtocols    Code = "IST0116"
	PortName               Code = "IST0118"
	SeveralInjectionLabels Code = "IST0123"
	InvalidAnnotation      Code = "IST0125"
	UnknownRegistry        Code = "IST0126"
	DeprecatedAnnotation   Code = "IST0135"
	AlphaAnnotation        Code = "IST0136"
	TargetPortConflict     Code = "IST0137"
	InvalidWebhook         Code = "IST0139"
	ProxyUser              Code = "IST0144"
	AutoImageNotSelected   Code = "IST0146"
	AutoImage              Code = "IST0147"
	InjectedByDefault      Code = "IST0148"
	ExternalNamePort       Code = "IST0150"
	ProxyImage             Code = "IST0158"
	WebhookAddress         Code = "IST0163"
	WebhookExternal        Code = "IST0164"
	InconsistentService    Code = "IST0170"
	ProxyPort              Code = "MSH0431"
	UnreadConfigMap        Code = "MSH0432"
)

func workloads() []Description {
	return []Description{
		{NotInjected, Info, "Namespace is not enabled for injection",
			"",
			""},
		{PodWithoutProxy, Warning, "Pod without a proxy",
			"",
			""},
		{MisplacedAnnotation, Warning, "Annotation on the wrong kind",
			"",
			""},
		{UnknownAnnotation, Warning, "Unknown annotation",
			"",
			""},
		{DeploymentProtocols, Warning, "Services disagree about a port's protocol",
			"",
			""},
		{PortName, Info, "Port name says no protocol",
			"",
			""},
		{SeveralInjectionLabels, Warning, "Several kinds of injection labels",
			"",
			""},
		{InvalidAnnotation, Warning, "Invalid annotation value",
			"",
			""},
		{UnknownRegistry, Error, "Unknown registry in mesh networks",
			"",
			""},
		{DeprecatedAnnotation, Info, "Deprecated annotation",
			"",
			""},
		{AlphaAnnotation, Info, "Alpha annotation",
			"",
			""},
		{TargetPortConflict, Warning, "Services disagree about a target port",
			"",
			""},
		{InvalidWebhook, Error, "Invalid webhook",
			"",
			""},
		{ProxyUser, Warning, "Application runs as the proxy's user",
			"",
			""},
		{AutoImageNotSelected, Warning, "image: auto may not be replaced",
			"",
			""},
		{AutoImage, Error, "image: auto is not replaced",
			"",
			""},
		{InjectedByDefault, Info, "Injection is on by default",
			"",
			""},
		{ExternalNamePort, Warning, "ExternalName port says no protocol",
			"",
			""},
		{ProxyImage, Warning, "Proxy image differs from the injector's",
			"",
			""},
		{WebhookAddress, Warning, "Webhook address is not where the control plane is",
			"",
			""},
		{WebhookExternal, Info, "Webhook address is external",
			"",
			""},
		{InconsistentService, Warning, "Service differs between clusters",
			"",
			""},
		{ProxyPort, Error, "Port collides with the proxy's",
			"",
			""},
		{UnreadConfigMap, Warning, "Nothing reads the ConfigMap",
			"",
			""},
	}
}

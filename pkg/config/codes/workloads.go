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
			"The namespace has no label by which its pods get a proxy. Pods that do not ask for one themselves are outside of the mesh: no mutual TLS, no policies, no routes for what they call.",
			"Label the namespace istio-injection: enabled, or istio.io/rev with the revision that is to inject; istio-injection: disabled says that it is to stay outside, and ends the finding."},
		{PodWithoutProxy, Warning, "Pod without a proxy",
			"New pods of the namespace get a proxy, and this one has none. Injection takes place when a pod is made: the pod is older than the label of its namespace, or the injector could not be asked. Its traffic is outside of the mesh, and with strict mutual TLS nobody in the mesh takes its calls.",
			"Make the pod anew, for example with kubectl rollout restart; if it still has none, look at the injector's webhook."},
		{MisplacedAnnotation, Warning, "Annotation on the wrong kind",
			"The annotation is one of the mesh's, but not for this kind of object, where nothing reads it. What is for pods is most often written on their Deployment instead of on its template.",
			"Move it to a kind that the finding names; for the pods of a Deployment that is spec.template.metadata.annotations."},
		{UnknownAnnotation, Warning, "Unknown annotation",
			"The annotation is in the mesh's domain (istio.io), but there is none of that name. It is misspelt, is a label, or was removed; nothing reads it.",
			"Correct the name, or remove the annotation."},
		{DeploymentProtocols, Warning, "Services disagree about a port's protocol",
			"The pods of a Deployment in the mesh belong to several Services that have the same port with different protocols, such as TCP and UDP. A proxy serves a port with one protocol only, so that the traffic of one of the Services fails.",
			"Let all of the Services use one protocol for the port, or give one of them another port."},
		{PortName, Info, "Port name says no protocol",
			"Neither the name of the Service's port nor its appProtocol tells a protocol. Proxies guess from the first bytes of each connection whether it is HTTP; that costs time, and routes and policies for HTTP do not hold for what is not recognized.",
			"Set appProtocol, or begin the port's name with its protocol and a dash: http-web, grpc-api, tcp-db."},
		{SeveralInjectionLabels, Warning, "Several kinds of injection labels",
			"The namespace has more than one of the labels istio-injection, istio.io/rev and istio.io/dataplane-mode. They exclude each other: only one counts, which need not be the one that was added last. Upgrades by revision often stop here: with istio-injection still set, the new revision never injects.",
			"Remove all but the one that is meant."},
		{InvalidAnnotation, Warning, "Invalid annotation value",
			"The value of the annotation cannot be read as what the annotation takes: a list of ports or ranges of addresses, an amount, true or false, a proxy's configuration as YAML. It has no effect, or no pod is made with it.",
			"Correct the value."},
		{UnknownRegistry, Error, "Unknown registry in mesh networks",
			"The mesh's networks take the endpoints of a cluster by name, but there is no such cluster: it is neither this one nor one that a Secret gives access to. The network stays without them, and traffic between the networks does not pass its gateway.",
			"Correct fromRegistry: Kubernetes or this cluster's name, or a key of a Secret with the label istio/multiCluster: \"true\"."},
		{DeprecatedAnnotation, Info, "Deprecated annotation",
			"The annotation still has its effect, and a later version may do without it.",
			"Use what replaced it, as Istio's reference of annotations says; for sidecar.istio.io/inject that is the label of the same name."},
		{AlphaAnnotation, Info, "Alpha annotation",
			"The annotation belongs to a feature in its alpha phase: it may change or go without notice.",
			"Nothing is wrong; do without it where that matters."},
		{TargetPortConflict, Warning, "Services disagree about a target port",
			"Two Services of one Deployment in the mesh lead to the same port of its pods by different ports of their own. The pods' proxy knows its port by one of the two only: statistics, and what depends on the Service's port, are wrong for the other.",
			"Use the same port in both Services, or let the pods listen on a port of its own for each."},
	}
}

// injection lists what concerns injectors, images and the proxy beside a program.
func injection() []Description {
	return []Description{
		{InvalidWebhook, Error, "Invalid webhook",
			"A webhook of the injector cannot do its work: the Service of the control plane that it asks does not exist, or another webhook selects the same pods, which are then injected twice. Pods may fail to be made at all. Both are most often left behind by an older installation.",
			"Install the control plane that the webhook asks, or remove the webhook; make selectors exclude each other."},
		{ProxyUser, Warning, "Application runs as the proxy's user",
			"The program runs as user 1337, which is reserved for the proxy. Its traffic is taken for the proxy's own and not redirected: no mutual TLS, no routes and no policies hold for it.",
			"Run the program as another user."},
		{AutoImageNotSelected, Warning, "image: auto may not be replaced",
			"The template has a proxy with the image \"auto\", which stands for the one that the injector puts in. No webhook of an injector selects its pods, so that the image would be pulled by that name, which does not exist.",
			"Label the namespace istio-injection: enabled, or the template sidecar.istio.io/inject: \"true\", so that a webhook selects the pods."},
		{AutoImage, Error, "image: auto is not replaced",
			"The pod has a proxy with the image \"auto\", which the injector replaces when a pod is made. A pod that has it was not injected, and its proxy cannot start.",
			"See to it that the namespace or the pod is selected for injection, then make the pod anew."},
		{InjectedByDefault, Info, "Injection is on by default",
			"The injector is set up to give a proxy to the pods of namespaces without a label (enableNamespacesByDefault), and this is one.",
			"Label the namespace istio-injection: enabled to say that this is meant, or istio-injection: disabled."},
		{ExternalNamePort, Warning, "ExternalName port says no protocol",
			"The Service stands for a host outside, without an address of its own, so that a proxy can tell its connections only by a host's name in them. The port's protocol is not declared, or is tcp, where there is no such name: its connections may be sent elsewhere, or those of others here.",
			"Name the port after a protocol that carries the host: https or tls, or http."},
		{ProxyImage, Warning, "Proxy image differs from the injector's",
			"Pods of the namespace have a proxy of another image than the injector gives to new ones. That is so after an upgrade of the control plane until the pods are made anew; they lack what the new version repairs.",
			"Make the pods anew, for example with kubectl rollout restart deployment."},
		{WebhookAddress, Warning, "Webhook address is not where the control plane is",
			"The webhook is to ask a control plane outside of the cluster, and its URL is missing or names no host. Pods are not injected, or configuration is not checked. Whether the host can be resolved is not looked at.",
			"Write the URL at which the external control plane's gateway is reached: https://HOST/inject, or name a Service."},
		{WebhookExternal, Info, "Webhook address is external",
			"The webhook names an external control plane by an IP address. Certificates seldom cover addresses, and addresses change; Istio advises against it for production.",
			"Use a host name."},
		{InconsistentService, Warning, "Service differs between clusters",
			"A Service that several clusters of one mesh define under the same name and namespace differs between them: in its type, its ports, or in being headless. What a client gets then depends on the cluster it is in. One run reads the objects of one cluster, in which a name stands for one Service, so that nothing can differ: the finding is not reported.",
			"Define the Service alike in all clusters."},
		{ProxyPort, Error, "Port collides with the proxy's",
			"A port of a program in a pod with a proxy, or the target of a Service, is one that the proxy uses itself (15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090). The two cannot both listen there, and what is sent to one that the proxy keeps for itself is answered by nobody.",
			"Let the program listen on another port."},
		{UnreadConfigMap, Warning, "Nothing reads the ConfigMap",
			"The ConfigMap holds what is plainly meant as configuration of the mesh or of its proxies, under a name, key or namespace where nothing reads it. It has no effect, and nobody is told.",
			"Write it where it is read: in the ConfigMap istio of the system namespace, key mesh, with what concerns proxies under defaultConfig; or, for some workloads only, in a ProxyConfig resource."},
	}
}

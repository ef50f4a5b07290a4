package config

// API groups whose objects configure the mesh. A kind or version of these that the registry does not know is a
// Problem; kinds of any other group are somebody else's business.
const (
	groupNetworking = "networking.istio.io"
	groupSecurity   = "security.istio.io"
	groupTelemetry  = "telemetry.istio.io"
	groupExtensions = "extensions.istio.io"
	groupGatewayAPI = "gateway.networking.k8s.io"
	groupIngress    = "networking.k8s.io"
	groupApps       = "apps"
	groupBatch      = "batch"
	groupDiscovery  = "discovery.k8s.io"
	groupAdmission  = "admissionregistration.k8s.io"
	groupSplit      = "split.smi-spec.io"
	groupAccess     = "access.smi-spec.io"
	groupSpecs      = "specs.smi-spec.io"
	groupCRD        = "apiextensions.k8s.io"
)

// The kinds that the mesh knows. They are values, never changed.
var (
	VirtualService    = Kind{groupNetworking, "VirtualService"}
	DestinationRule   = Kind{groupNetworking, "DestinationRule"}
	Gateway           = Kind{groupNetworking, "Gateway"}
	ServiceEntry      = Kind{groupNetworking, "ServiceEntry"}
	Sidecar           = Kind{groupNetworking, "Sidecar"}
	WorkloadEntry     = Kind{groupNetworking, "WorkloadEntry"}
	WorkloadGroup     = Kind{groupNetworking, "WorkloadGroup"}
	EnvoyFilter       = Kind{groupNetworking, "EnvoyFilter"}
	ProxyConfig       = Kind{groupNetworking, "ProxyConfig"}
	WasmPlugin        = Kind{groupExtensions, "WasmPlugin"}
	TrafficExtension  = Kind{groupExtensions, "TrafficExtension"}
	Telemetry         = Kind{groupTelemetry, "Telemetry"}
	PeerAuthn         = Kind{groupSecurity, "PeerAuthentication"}
	RequestAuthn      = Kind{groupSecurity, "RequestAuthentication"}
	AuthzPolicy       = Kind{groupSecurity, "AuthorizationPolicy"}
	Service           = Kind{"", "Service"}
	Namespace         = Kind{"", "Namespace"}
	Pod               = Kind{"", "Pod"}
	Node              = Kind{"", "Node"}
	Secret            = Kind{"", "Secret"}
	ConfigMap         = Kind{"", "ConfigMap"}
	ServiceAccount    = Kind{"", "ServiceAccount"}
	Endpoints         = Kind{"", "Endpoints"}
	EndpointSlice     = Kind{groupDiscovery, "EndpointSlice"}
	Deployment        = Kind{groupApps, "Deployment"}
	ReplicaSet        = Kind{groupApps, "ReplicaSet"}
	StatefulSet       = Kind{groupApps, "StatefulSet"}
	DaemonSet         = Kind{groupApps, "DaemonSet"}
	Job               = Kind{groupBatch, "Job"}
	CronJob           = Kind{groupBatch, "CronJob"}
	NetworkPolicy     = Kind{groupIngress, "NetworkPolicy"}
	Ingress           = Kind{groupIngress, "Ingress"}
	IngressClass      = Kind{groupIngress, "IngressClass"}
	MutatingWebhook   = Kind{groupAdmission, "MutatingWebhookConfiguration"}
	ValidatingWebhook = Kind{groupAdmission, "ValidatingWebhookConfiguration"}
	GatewayClass      = Kind{groupGatewayAPI, "GatewayClass"}
	K8sGateway        = Kind{groupGatewayAPI, "Gateway"}
	HTTPRoute         = Kind{groupGatewayAPI, "HTTPRoute"}
	GRPCRoute         = Kind{groupGatewayAPI, "GRPCRoute"}
	TCPRoute          = Kind{groupGatewayAPI, "TCPRoute"}
	TLSRoute          = Kind{groupGatewayAPI, "TLSRoute"}
	UDPRoute          = Kind{groupGatewayAPI, "UDPRoute"}
	ListenerSet       = Kind{groupGatewayAPI, "ListenerSet"}
	ReferenceGrant    = Kind{groupGatewayAPI, "ReferenceGrant"}
	BackendTLSPolicy  = Kind{groupGatewayAPI, "BackendTLSPolicy"}
	TrafficSplit      = Kind{groupSplit, "TrafficSplit"}
	TrafficTarget     = Kind{groupAccess, "TrafficTarget"}
	HTTPRouteGroup    = Kind{groupSpecs, "HTTPRouteGroup"}
	SMITCPRoute       = Kind{groupSpecs, "TCPRoute"}
	SMIUDPRoute       = Kind{groupSpecs, "UDPRoute"}

	CustomResourceDefinition = Kind{groupCRD, "CustomResourceDefinition"}
)

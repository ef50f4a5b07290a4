package mesh

import (
	"slices"
	"time"

	"github.com/meshctl/meshctl/pkg/config"
)

// Protocol is what a port speaks, chosen by appProtocol or by the port's name as Istio's protocol selection documents.
type Protocol uint8

// The protocols that lead to different configuration. HTTPS and TLS are both opaque TLS that is routed by SNI.
const (
	// Auto: not declared. Redirected proxies detect HTTP and treat the rest as TCP.
	Auto Protocol = iota
	HTTP
	HTTP2
	GRPC
	GRPCWeb
	HTTPS
	TLS
	TCP
	UDP // known, never proxied
)

// Port is one port of a Service.
type Port struct {
	Number   uint32
	Name     string
	Protocol Protocol
	// TargetPort is the number at which workloads listen when they do not map the port themselves; 0 when the target
	// is a port name that only a Pod can resolve.
	TargetPort uint32
	TargetName string
}

// Resolution says how endpoints of a service are found.
type Resolution uint8

const (
	// Static endpoints are known here and sent by EDS.
	Static Resolution = iota
	// DNS means that Envoy resolves every endpoint's name and uses all addresses (STRICT_DNS).
	DNS
	// DNSRoundRobin means that Envoy resolves one name and uses the first address of each answer (LOGICAL_DNS).
	DNSRoundRobin
	// Passthrough means that the connection goes where the client meant it to go (ServiceEntry NONE, headless without HTTP).
	Passthrough
	// DynamicDNS means that the name that the client asked for is resolved for each request (ServiceEntry DYNAMIC_DNS with a wildcard host).
	DynamicDNS
)

// Service is one resolved host of the registry: a Kubernetes Service or one host of a ServiceEntry.
// Services are immutable; an unchanged Service keeps its pointer from snapshot to snapshot.
type Service struct {
	// Host is the fully qualified name, lower case: "reviews.default.svc.cluster.local", "api.example.com", "*.example.com".
	Host      string
	Namespace string
	// Name is the short name of a Kubernetes Service, empty for ServiceEntry hosts.
	Name  string
	Ports []Port // by number
	// Addresses are the virtual IPs (or CIDRs) that clients connect to; none for headless services and in standalone meshes.
	Addresses  []string
	Resolution Resolution
	// Headless: a Kubernetes Service with clusterIP None.
	Headless bool
	// External: a ServiceEntry with location MESH_EXTERNAL; no mutual TLS unless a DestinationRule asks for it.
	External        bool
	SubjectAltNames []string
	Visibility      Visibility
	Created         time.Time
	From            config.Key
	Digest          config.Digest
}

// Endpoint is one place where a port of a service is served.
type Endpoint struct {
	// Address is an IP, a name (DNS services) or a path ("unix:///...").
	Address string
	Port    uint32
	// Labels of the workload: subsets select by them. Never changed.
	Labels map[string]string
	// Identity is the SPIFFE id that the workload's certificate carries, empty when it has none.
	Identity string
	// MutualTLS: the workload's proxy terminates mesh mTLS and its policy does not disable it.
	MutualTLS bool
	Healthy   bool
	Weight    uint32 // 1 unless set
	Network   string
	Locality  string // "region/zone/subzone"
	Node      string // of a Pod
	Cluster   string // Options.ClusterID
	// Workload is the object behind the endpoint (WorkloadEntry, Pod, ServiceEntry).
	Workload config.Key
}

// EndpointSet is where one port of a service is served. It is immutable and shared.
type EndpointSet struct {
	Endpoints []Endpoint
	// Identities are the distinct SPIFFE ids of the endpoints, sorted.
	Identities []string
	Digest     config.Digest
}

// MutualTLS reports whether there are endpoints and all of them take mutual TLS.
func (s *EndpointSet) MutualTLS() bool {
	return len(s.Endpoints) > 0 && !slices.ContainsFunc(s.Endpoints, func(e Endpoint) bool { return !e.MutualTLS })
}

// Visibility is an exportTo list, resolved.
type Visibility struct {
	Public     bool     // "*" or unset without a mesh default
	Namespaces []string // sorted; "." is already resolved
}

// only reports whether the object can be seen from namespace and from no other.
func (v Visibility) only(namespace string) bool {
	return !v.Public && len(v.Namespaces) == 1 && v.Namespaces[0] == namespace
}

// In reports whether the object can be seen from namespace.
func (v Visibility) In(namespace string) bool {
	if v.Public {
		return true
	}
	for _, n := range v.Namespaces {
		if n == namespace {
			return true
		}
	}
	return false
}

package translate

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// ClusterInput is everything that an outbound cluster depends on.
type ClusterInput struct {
	Config *mesh.Config
	// Proxy is the role of the clients: gRPC understands less than Envoy, credentialName has a meaning at gateways.
	Proxy   mesh.ProxyType
	Mode    mesh.Mode
	Service *mesh.Service
	Port    mesh.Port
	// Subset of Rule; empty for the service as a whole.
	Subset string
	Rule   *mesh.DestinationRule
	// Identities are the SPIFFE ids that a server may present, sorted: those of all endpoints of the port.
	Identities []string
	// MutualTLS: all endpoints take mutual TLS. Needed only where KeepsDestination holds; false otherwise.
	MutualTLS bool
	// Endpoints are needed only where InlineEndpoints(Service) holds; nil otherwise.
	Endpoints *mesh.EndpointSet
	// PassThrough: a gateway leads the mesh's own TLS to the endpoints as it is, see PassesThrough.
	PassThrough bool
	// Client is needed only with Endpoints, see ClientOf.
	Client Client
}

// InlineEndpoints reports whether the service's clusters hold their endpoints themselves, because Envoy resolves their names.
func InlineEndpoints(s *mesh.Service) bool {
	return s.Resolution == mesh.DNS || s.Resolution == mesh.DNSRoundRobin
}

// NeedsAssignment reports whether the cluster gets its endpoints by EDS, as an Assignment under its own name. It is asked of every
// cluster of every client, and so looks at nothing that it need not.
func NeedsAssignment(in ClusterInput) bool {
	if in.Proxy == mesh.Proxyless {
		c := &clusterv3.Cluster{}
		discovery(c, in)
		return !proxylessDNS(c)
	}
	switch in.resolution() {
	case mesh.DNS, mesh.DNSRoundRobin, mesh.DynamicDNS:
		return false
	case mesh.Passthrough:
		return !in.keepsAddress() && in.Service.Name != ""
	}
	return !in.keepsAddress() || in.policy().lb.GetSimple() != networking.LoadBalancerSettings_PASSTHROUGH
}

// KeepsDestination reports whether the cluster sends a connection where the client meant it to go.
func KeepsDestination(in ClusterInput) bool {
	if !in.keepsAddress() {
		return false
	}
	switch in.resolution() {
	case mesh.Passthrough:
		return true
	case mesh.DynamicDNS:
		return false
	}
	return in.policy().lb.GetSimple() == networking.LoadBalancerSettings_PASSTHROUGH
}

// resolution is how the endpoints of the port are found: the client has chosen one where a headless service's port is no HTTP, whatever
// its other ports speak.
func (in ClusterInput) resolution() mesh.Resolution {
	if in.Service.Headless && !in.Port.Protocol.IsHTTP() {
		return mesh.Passthrough
	}
	return in.Service.Resolution
}

// policy is the traffic policy that holds for the cluster.
func (in ClusterInput) policy() trafficPolicy {
	return policyFor(in.Rule, in.Port.Number, in.Subset).baseline(in.Config)
}

// ClusterInputs lists the inputs of all clusters of one port of a service: the whole service first, then the subsets in
// the order of the rule, each name once.
func ClusterInputs(base ClusterInput) []ClusterInput {
	base.Subset = ""
	out := []ClusterInput{base}
	seen := map[string]bool{"": true}
	for _, s := range subsetNames(base.Rule) {
		if !seen[s] {
			seen[s] = true
			in := base
			in.Subset = s
			out = append(out, in)
		}
	}
	return out
}

// Cluster returns the cluster of one port of a service, or of one subset of it.
func Cluster(in ClusterInput) (*clusterv3.Cluster, []config.Problem) {
	notes := &problems{object: in.Service.From}
	from := []config.Key{in.Service.From}
	if in.Rule != nil && len(in.Rule.From) > 0 {
		notes.object, from = in.Rule.From[0], in.Rule.From
	}
	policy := in.policy()
	c := &clusterv3.Cluster{
		Name:           in.name(),
		AltStatName:    outboundStatName(in.Config, in.Service, in.Port, in.Subset),
		ConnectTimeout: connectTimeout(in.Config),
		// Envoy's default of 50 percent would send requests to endpoints that are known to be broken.
		CommonLbConfig: &clusterv3.Cluster_CommonLbConfig{HealthyPanicThreshold: &typev3.Percent{}},
		Metadata:       origin(from...),
	}
	discovery(c, in)
	if in.Proxy == mesh.Proxyless {
		proxylessCluster(c, in, policy)
		return c, notes.list
	}
	loadBalancer(c, in, policy, notes)
	localityBalancing(c, policy, in.Config)
	connectionPool(c, policy.pool, in.Config)
	retryBudget(c, policy.budget)
	outlierDetection(c, policy.outlier)
	clusterConnections(c, in.Config)
	if in.PassThrough {
		return c, nil // the problems are those of the service's own cluster
	}
	http2 := protocolOptions(c, in.Port.Protocol, policy, in.Config)
	upstreamTLS(c, in, policy, http2, notes)
	proxyProtocol(c, policy.proxy)
	return c, notes.list
}

// name of the cluster.
func (in ClusterInput) name() string {
	if in.PassThrough {
		return ServerName(in.Service.Host, in.Port.Number, in.Subset)
	}
	return ClusterName(in.Service.Host, in.Port.Number, in.Subset)
}

// discovery says where the endpoints come from.
func discovery(c *clusterv3.Cluster, in ClusterInput) {
	switch in.resolution() {
	case mesh.DNS, mesh.DNSRoundRobin:
		kind := clusterv3.Cluster_STRICT_DNS
		if in.Service.Resolution == mesh.DNSRoundRobin {
			kind = clusterv3.Cluster_LOGICAL_DNS
		}
		if c.LoadAssignment = dnsAssignment(in); c.LoadAssignment == nil {
			c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC} // nothing to resolve
			return
		}
		resolveNames(c, kind, in.Config)
	case mesh.Passthrough:
		passthroughDiscovery(c, in)
	case mesh.DynamicDNS:
		c.ClusterDiscoveryType = forwardProxyType()
		c.LbPolicy = clusterv3.Cluster_CLUSTER_PROVIDED
	default:
		endpointDiscovery(c)
	}
}

// endpointDiscovery takes endpoints by EDS. Envoy's default limit of 15 s holds: a changed cluster then goes on with the endpoints
// that it had.
func endpointDiscovery(c *clusterv3.Cluster) {
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}
	c.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: adsSource(), ServiceName: c.Name}
}

// resolveNames makes Envoy resolve the names of the endpoints. Envoy 1.40 calls the fields for the rate deprecated, but what is to
// replace them hides whether a cluster is STRICT_DNS or LOGICAL_DNS, which is what Istio's users look for.
func resolveNames(c *clusterv3.Cluster, kind clusterv3.Cluster_DiscoveryType, config *mesh.Config) {
	rate := config.Mesh.GetDnsRefreshRate()
	if !positive(rate) || rate.AsDuration() < dnsRefreshFloor {
		rate = durationpb.New(dnsRefreshDefault)
	}
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: kind}
	c.DnsLookupFamily = clusterv3.Cluster_V4_PREFERRED
	c.RespectDnsTtl, c.DnsRefreshRate = true, rate //nolint:staticcheck // see above
}

// resolveNothing undoes resolveNames for what has no use for it.
func resolveNothing(c *clusterv3.Cluster) {
	c.DnsLookupFamily = clusterv3.Cluster_AUTO
	c.RespectDnsTtl, c.DnsRefreshRate = false, nil //nolint:staticcheck // see resolveNames
}

// passthroughDiscovery lets a connection go where the client meant it to go. Only a redirected one has kept its address; the
// others go by the endpoints that are known, by the addresses that are declared, or by name.
func passthroughDiscovery(c *clusterv3.Cluster, in ClusterInput) {
	switch {
	case in.keepsAddress():
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST}
		c.LbPolicy = clusterv3.Cluster_CLUSTER_PROVIDED
	case in.Service.Name != "":
		endpointDiscovery(c)
	case forwarded(in.Service):
		c.ClusterDiscoveryType = forwardProxyType()
		c.LbPolicy = clusterv3.Cluster_CLUSTER_PROVIDED
	case len(singleAddresses(in.Service)) > 0:
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
		c.LoadAssignment = staticAssignment(c.Name, in.Port.Number, singleAddresses(in.Service)...)
	default:
		resolveNames(c, clusterv3.Cluster_STRICT_DNS, in.Config)
		c.LoadAssignment = staticAssignment(c.Name, in.Port.Number, in.Service.Host)
	}
}

// singleAddresses are those that a service declares one by one, also as ranges of one.
func singleAddresses(s *mesh.Service) []string {
	out, ranges := addresses(s)
	for _, r := range ranges {
		if p, ok := subnet(r); ok && p.IsSingleIP() {
			out = append(out, p.Addr().String())
		}
	}
	return out
}

// dnsAssignment is the inline list of names, nil when there is none. LOGICAL_DNS allows exactly one endpoint.
func dnsAssignment(in ClusterInput) *endpointv3.ClusterLoadAssignment {
	if in.Endpoints == nil {
		return nil
	}
	a := Assignment(NewAssignment(in, in.Endpoints, in.Client))
	if len(a.Endpoints) == 0 {
		return nil
	}
	if in.Service.Resolution == mesh.DNSRoundRobin {
		a.Endpoints = a.Endpoints[:1]
		a.Endpoints[0].LbEndpoints = a.Endpoints[0].LbEndpoints[:1]
		a.Endpoints[0].Priority = 0
	}
	return a
}

// adsSource makes Envoy take a resource from the stream that everything else comes on.
func adsSource() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		ResourceApiVersion:    corev3.ApiVersion_V3,
	}
}

// patient waits for a resource as long as it takes: what uses it would answer wrongly without it.
func patient(s *corev3.ConfigSource) *corev3.ConfigSource {
	s.InitialFetchTimeout = durationpb.New(0)
	return s
}

// hasty waits for a resource no longer than the given time, so that others do not have to wait for it.
func hasty(s *corev3.ConfigSource, limit time.Duration) *corev3.ConfigSource {
	s.InitialFetchTimeout = durationpb.New(limit)
	return s
}

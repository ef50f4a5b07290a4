package translate

import (
	"cmp"
	"math"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

const (
	connectTimeoutDefault = 10 * time.Second
	dnsRefreshDefault     = 60 * time.Second
	dnsRefreshFloor       = 2 * time.Millisecond
)

// connectTimeout is MeshConfig's connectTimeout: 10 s unless set.
func connectTimeout(c *mesh.Config) *durationpb.Duration {
	if d := c.Mesh.GetConnectTimeout(); positive(d) {
		return d
	}
	return durationpb.New(connectTimeoutDefault)
}

// connectionPool applies connectionPool.tcp and the limits of connectionPool.http. What is not set is not limited: Envoy's own
// defaults (1024) would be a limit that nobody asked for.
func connectionPool(c *clusterv3.Cluster, pool *networking.ConnectionPoolSettings, config *mesh.Config) {
	limits := &clusterv3.CircuitBreakers_Thresholds{
		MaxConnections: unlimited(), MaxPendingRequests: unlimited(), MaxRequests: unlimited(), MaxRetries: unlimited(),
		TrackRemaining: true,
	}
	c.CircuitBreakers = &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{limits}}
	keepalive := config.Mesh.GetTcpKeepalive()
	if tcp := pool.GetTcp(); tcp != nil {
		limit(&limits.MaxConnections, tcp.GetMaxConnections())
		if aMillisecond(tcp.GetConnectTimeout()) {
			c.ConnectTimeout = tcp.GetConnectTimeout()
		}
		keepalive = cmp.Or(tcp.GetTcpKeepalive(), keepalive)
	}
	if http := pool.GetHttp(); http != nil {
		limit(&limits.MaxPendingRequests, http.GetHttp1MaxPendingRequests())
		limit(&limits.MaxRequests, http.GetHttp2MaxRequests())
		limit(&limits.MaxRetries, http.GetMaxRetries())
	}
	if keepalive != nil {
		c.UpstreamConnectionOptions = &clusterv3.UpstreamConnectionOptions{TcpKeepalive: tcpKeepalive(keepalive)}
	}
}

// retryBudget limits retries by the requests that there are, in place of their absolute number.
func retryBudget(c *clusterv3.Cluster, b *networking.TrafficPolicy_RetryBudget) {
	if b == nil {
		return
	}
	out := &clusterv3.CircuitBreakers_Thresholds_RetryBudget{}
	if p := b.GetPercent(); p != nil && mesh.Percentage(p.GetValue()) {
		out.BudgetPercent = &typev3.Percent{Value: p.GetValue()}
	}
	if n := b.GetMinRetryConcurrency(); n > 0 {
		out.MinRetryConcurrency = wrapperspb.UInt32(n)
	}
	if positive(b.GetBudgetInterval()) {
		out.BudgetInterval = b.GetBudgetInterval()
	}
	c.CircuitBreakers.Thresholds[0].RetryBudget = out
}

func tcpKeepalive(k *networking.ConnectionPoolSettings_TCPSettings_TcpKeepalive) *corev3.TcpKeepalive {
	out := &corev3.TcpKeepalive{}
	if k.GetProbes() > 0 {
		out.KeepaliveProbes = wrapperspb.UInt32(k.GetProbes())
	}
	out.KeepaliveTime = seconds(k.GetTime())
	out.KeepaliveInterval = seconds(k.GetInterval())
	return out
}

func seconds(d *durationpb.Duration) *wrapperspb.UInt32Value {
	if !positive(d) {
		return nil
	}
	return wrapperspb.UInt32(uint32(min(max(1, int64(d.AsDuration()/time.Second)), math.MaxInt32)))
}

// limit sets a circuit breaker; Istio's fields are signed and 0 means not set.
func limit(threshold **wrapperspb.UInt32Value, n int32) {
	if n > 0 {
		*threshold = wrapperspb.UInt32(uint32(n))
	}
}

func unlimited() *wrapperspb.UInt32Value { return wrapperspb.UInt32(math.MaxUint32) }

// positive reports whether a duration is set, well formed and longer than zero.
func positive(d *durationpb.Duration) bool {
	return d != nil && d.CheckValid() == nil && d.AsDuration() > 0
}

// aMillisecond reports whether a duration is set, well formed and at least 1 ms, the least that Envoy takes for many of them.
func aMillisecond(d *durationpb.Duration) bool {
	return positive(d) && d.AsDuration() >= time.Millisecond
}

// notNegative reports whether a duration is set, well formed and at least zero.
func notNegative(d *durationpb.Duration) bool {
	return d != nil && d.CheckValid() == nil && d.AsDuration() >= 0
}

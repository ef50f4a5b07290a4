package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"
)

// outlierDetection applies a DestinationRule's outlierDetection. Ejection by success rate, which Envoy has on by default, is off:
// the API has no word for it.
func outlierDetection(c *clusterv3.Cluster, o *networking.OutlierDetection) {
	if o == nil {
		return
	}
	out := &clusterv3.OutlierDetection{EnforcingSuccessRate: wrapperspb.UInt32(0)}
	if n := o.GetConsecutive_5XxErrors(); n != nil {
		out.Consecutive_5Xx, out.EnforcingConsecutive_5Xx = counter(n)
	}
	gateway := o.GetConsecutiveGatewayErrors()
	if old := o.GetConsecutiveErrors(); gateway == nil && old > 0 { //nolint:staticcheck // users' files have it
		// The deprecated field counts 502, 503 and 504 only, as gateway errors do; other 5xx must not eject.
		gateway = wrapperspb.UInt32(uint32(old))
		if o.GetConsecutive_5XxErrors() == nil {
			out.EnforcingConsecutive_5Xx = wrapperspb.UInt32(0)
		}
	}
	if gateway != nil {
		out.ConsecutiveGatewayFailure, out.EnforcingConsecutiveGatewayFailure = counter(gateway)
	}
	if aMillisecond(o.GetInterval()) {
		out.Interval = o.GetInterval()
	}
	if aMillisecond(o.GetBaseEjectionTime()) {
		out.BaseEjectionTime = o.GetBaseEjectionTime()
	}
	if n := o.GetMaxEjectionPercent(); n > 0 {
		out.MaxEjectionPercent = wrapperspb.UInt32(uint32(min(n, 100)))
	}
	if o.GetSplitExternalLocalOriginErrors() {
		out.SplitExternalLocalOriginErrors = true
		out.EnforcingLocalOriginSuccessRate = wrapperspb.UInt32(0)
		if n := o.GetConsecutiveLocalOriginFailures(); n.GetValue() > 0 {
			out.ConsecutiveLocalOriginFailure, out.EnforcingConsecutiveLocalOriginFailure = counter(n)
		}
	}
	if n := o.GetMinHealthPercent(); n > 0 {
		c.CommonLbConfig.HealthyPanicThreshold = &typev3.Percent{Value: float64(min(n, 100))}
	}
	c.OutlierDetection = out
}

// counter returns a threshold and how much of it is enforced: 0 disables the detection.
func counter(n *wrapperspb.UInt32Value) (threshold, enforcing *wrapperspb.UInt32Value) {
	if n.GetValue() == 0 {
		return nil, wrapperspb.UInt32(0)
	}
	return wrapperspb.UInt32(n.GetValue()), wrapperspb.UInt32(100)
}

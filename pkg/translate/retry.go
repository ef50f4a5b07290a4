package translate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	previousprioritiesv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/priority/previous_priorities/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// Istio's default retry policy.
const (
	retryOnDefault  = "connect-failure,refused-stream,unavailable,cancelled"
	retriesDefault  = 2
	hostSelections  = 5 // how often to look for a host that was not tried yet
	longestBackoff  = 24 * time.Hour
	statusCondition = "retriable-status-codes"
)

// retryPolicy applies a rule's retries, or else the mesh's default, or else Istio's. attempts: 0 switches retries off.
func (b *routeBuilder) retryPolicy(r *networking.HTTPRetry, path string) *routev3.RetryPolicy {
	if r == nil {
		r = b.in.Config.Mesh.GetDefaultHttpRetryPolicy()
	}
	if r == nil {
		r = &networking.HTTPRetry{Attempts: retriesDefault}
	}
	if r.GetAttempts() <= 0 {
		return nil
	}
	conditions, codes := b.retryOn(cmp.Or(r.GetRetryOn(), retryOnDefault), path+".retryOn")
	if len(conditions) == 0 {
		return nil
	}
	out := &routev3.RetryPolicy{RetryOn: strings.Join(conditions, ","), NumRetries: wrapperspb.UInt32(uint32(r.GetAttempts()))}
	if b.in.Proxy != mesh.Proxyless {
		out.RetriableStatusCodes = codes
		if aMillisecond(r.GetPerTryTimeout()) {
			out.PerTryTimeout = r.GetPerTryTimeout()
		}
		b.retryHosts(out, r)
	}
	if base := r.GetBackoff(); aMillisecond(base) {
		base = durationpb.New(min(base.AsDuration(), longestBackoff))
		out.RetryBackOff = &routev3.RetryPolicy_RetryBackOff{BaseInterval: base, MaxInterval: durationpb.New(10 * base.AsDuration())}
	}
	return out
}

// retryHosts tries other hosts than before, and other localities where the rule asks for it.
func (b *routeBuilder) retryHosts(out *routev3.RetryPolicy, r *networking.HTTPRetry) {
	if r.GetRetryIgnorePreviousHosts() == nil || r.GetRetryIgnorePreviousHosts().GetValue() {
		out.RetryHostPredicate = []*routev3.RetryPolicy_RetryHostPredicate{{
			Name: "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{
				TypedConfig: pack(&previoushostsv3.PreviousHostsPredicate{}),
			},
		}}
		out.HostSelectionRetryMaxAttempts = hostSelections
	}
	if r.GetRetryRemoteLocalities().GetValue() {
		out.RetryPriority = &routev3.RetryPolicy_RetryPriority{
			Name: "envoy.retry_priorities.previous_priorities",
			ConfigType: &routev3.RetryPolicy_RetryPriority_TypedConfig{
				TypedConfig: pack(&previousprioritiesv3.PreviousPrioritiesConfig{UpdateFrequency: 2}),
			},
		}
	}
}

// The conditions that Envoy and gRPC know. Envoy ignores others without a word.
var (
	envoyConditions = []string{
		"5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx", "refused-stream",
		statusCondition, "retriable-headers", "http3-post-connect-failure",
		"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
	}
	grpcConditions = []string{"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"}
)

// retryOn splits the list into conditions and plain status codes.
func (b *routeBuilder) retryOn(list, path string) (conditions []string, codes []uint32) {
	known := envoyConditions
	if b.in.Proxy == mesh.Proxyless {
		known = grpcConditions
	}
	for _, c := range strings.Split(list, ",") {
		c = strings.TrimSpace(c)
		code, err := strconv.ParseUint(c, 10, 16)
		switch {
		case c == "":
		case err == nil && code >= 100 && code < 600:
			codes = append(codes, uint32(code))
		case slices.Contains(known, c):
			conditions = append(conditions, c)
		case !slices.Contains(envoyConditions, c):
			b.notes.fail(path, strconv.Quote(c)+" is no condition for retries", "see retry_on in Envoy's documentation")
		}
	}
	if len(codes) > 0 && b.in.Proxy != mesh.Proxyless && !slices.Contains(conditions, statusCondition) {
		conditions = append(conditions, statusCondition)
	}
	return conditions, codes
}

package translate

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
)

// hoist says once for a virtual host what its routes have in common: the retry policy and the origin. A changed weight sends whole
// route configurations to every proxy, and these two are half of one.
func hoist(host *routev3.VirtualHost) {
	for _, r := range host.Routes {
		if r.Metadata != nil {
			host.Metadata = r.Metadata // of the last: the first may be a tunnel, which comes from the service
		}
		if p := r.GetRoute().GetRetryPolicy(); p != nil && host.RetryPolicy == nil {
			host.RetryPolicy = p
		}
	}
	for _, r := range host.Routes {
		if proto.Equal(r.Metadata, host.Metadata) {
			r.Metadata = nil
		}
		action := r.GetRoute()
		switch {
		case action == nil || host.RetryPolicy == nil:
		case action.RetryPolicy == nil:
			action.RetryPolicy = &routev3.RetryPolicy{} // no retries here: an empty policy overrides the virtual host's
		case proto.Equal(action.RetryPolicy, host.RetryPolicy):
			action.RetryPolicy = nil
		}
	}
}

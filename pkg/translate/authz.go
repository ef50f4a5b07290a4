package translate

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// externalAuthz are the filters of AuthorizationPolicies with action CUSTOM.
func (t traffic) externalAuthz() []*hcmv3.HttpFilter { return nil }

// externalTCPAuthz is externalAuthz for connections that are no HTTP.
func (t traffic) externalTCPAuthz() []*listenerv3.Filter { return nil }

// httpAuthz are the filters of AuthorizationPolicies that the proxy decides itself.
func (t traffic) httpAuthz() []*hcmv3.HttpFilter { return nil }

// tcpAuthz is httpAuthz for connections that are no HTTP.
func (t traffic) tcpAuthz() []*listenerv3.Filter { return nil }

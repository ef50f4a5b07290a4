package translate

import (
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// requestAuthentication is the filter of RequestAuthentications.
func (t traffic) requestAuthentication() []*hcmv3.HttpFilter { return nil }

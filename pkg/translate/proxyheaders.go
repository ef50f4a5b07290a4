package translate

import (
	"cmp"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	casev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/header_formatters/preserve_case/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// headerSettings are ProxyConfig's proxyHeaders
// (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig-ProxyHeaders).
func headerSettings(c *mesh.Config) *meshconfig.ProxyConfig_ProxyHeaders {
	return c.Mesh.GetDefaultConfig().GetProxyHeaders()
}

// forwarding of client certificates, by MeshConfig's words for it.
var forwarding = map[meshconfig.ForwardClientCertDetails]hcmv3.HttpConnectionManager_ForwardClientCertDetails{
	meshconfig.ForwardClientCertDetails_SANITIZE:            hcmv3.HttpConnectionManager_SANITIZE,
	meshconfig.ForwardClientCertDetails_FORWARD_ONLY:        hcmv3.HttpConnectionManager_FORWARD_ONLY,
	meshconfig.ForwardClientCertDetails_APPEND_FORWARD:      hcmv3.HttpConnectionManager_APPEND_FORWARD,
	meshconfig.ForwardClientCertDetails_SANITIZE_SET:        hcmv3.HttpConnectionManager_SANITIZE_SET,
	meshconfig.ForwardClientCertDetails_ALWAYS_FORWARD_ONLY: hcmv3.HttpConnectionManager_ALWAYS_FORWARD_ONLY,
}

// proxyHeaders applies proxyHeaders and gatewayTopology.
func (m httpManager) proxyHeaders(out *hcmv3.HttpConnectionManager) {
	h := headerSettings(m.config)
	m.clientCertificates(out, h)
	if h.GetRequestId().GetDisabled().GetValue() {
		out.GenerateRequestId = wrapperspb.Bool(false)
	}
	if s := h.GetServer(); s.GetDisabled().GetValue() {
		out.ServerName, out.ServerHeaderTransformation = "", hcmv3.HttpConnectionManager_PASS_THROUGH
	} else if m.class != outbound && s.GetValue() != "" && headerText(s.GetValue()) {
		out.ServerName = s.GetValue()
	}
	if h.GetXForwardedPort().GetEnabled().GetValue() {
		out.AppendXForwardedPort = true
	}
	if preservesCase(m.config) {
		out.HttpProtocolOptions.HeaderKeyFormat = preservedCase()
	}
	if m.class == gateway {
		out.XffNumTrustedHops = m.config.Mesh.GetDefaultConfig().GetGatewayTopology().GetNumTrustedProxies()
	}
}

// clientCertificates says what servers learn of their clients' certificates: at gateways the topology goes before what holds everywhere.
func (m httpManager) clientCertificates(out *hcmv3.HttpConnectionManager, h *meshconfig.ProxyConfig_ProxyHeaders) {
	if !m.peers {
		return
	}
	wanted := h.GetForwardedClientCert()
	if m.class == gateway {
		wanted = cmp.Or(m.config.Mesh.GetDefaultConfig().GetGatewayTopology().GetForwardClientCertDetails(), wanted)
	}
	if how, found := forwarding[wanted]; found {
		out.ForwardClientCertDetails = how
	}
	details := h.GetSetCurrentClientCertDetails()
	unless := func(set *wrapperspb.BoolValue, fallback bool) bool {
		if set != nil {
			return set.GetValue()
		}
		return fallback
	}
	out.SetCurrentClientCertDetails = &hcmv3.HttpConnectionManager_SetCurrentClientCertDetails{
		Subject: wrapperspb.Bool(unless(details.GetSubject(), true)), Uri: unless(details.GetUri(), true), Dns: unless(details.GetDns(), true),
		Cert: unless(details.GetCert(), false), Chain: unless(details.GetChain(), false),
	}
}

// headerText reports whether a text may be a header's value.
func headerText(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return true
}

// router is the last of the HTTP filters.
func (t traffic) router() *routerv3.Router {
	return &routerv3.Router{SuppressEnvoyHeaders: headerSettings(t.config).GetEnvoyDebugHeaders().GetDisabled().GetValue()}
}

// countsAttempts reports whether requests say how often they were tried.
func countsAttempts(c *mesh.Config) bool {
	return !headerSettings(c).GetAttemptCount().GetDisabled().GetValue()
}

func preservesCase(c *mesh.Config) bool {
	return c != nil && headerSettings(c).GetPreserveHttp1HeaderCase().GetValue()
}

func preservedCase() *corev3.Http1ProtocolOptions_HeaderKeyFormat {
	return &corev3.Http1ProtocolOptions_HeaderKeyFormat{HeaderFormat: &corev3.Http1ProtocolOptions_HeaderKeyFormat_StatefulFormatter{
		StatefulFormatter: &corev3.TypedExtensionConfig{
			Name:        "envoy.http.stateful_header_formatters.preserve_case",
			TypedConfig: pack(&casev3.PreserveCaseFormatterConfig{}),
		},
	}}
}

// http1Options are those of upstreams that are spoken to in HTTP/1.1.
func http1Options(c *mesh.Config) *corev3.Http1ProtocolOptions {
	out := &corev3.Http1ProtocolOptions{}
	if preservesCase(c) {
		out.HeaderKeyFormat = preservedCase()
	}
	return out
}

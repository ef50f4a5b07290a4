package mesh

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"
)

// mostRequests is the largest maxRequestsPerConnection that Istio documents.
const mostRequests = 1 << 29

func (c *checker) pool(field string, p *networking.ConnectionPoolSettings) {
	if tcp := p.GetTcp(); tcp != nil {
		at := field + ".tcp"
		c.count(at+".maxConnections", tcp.GetMaxConnections())
		c.duration(at+".connectTimeout", tcp.GetConnectTimeout(), 1, "leave it out for the mesh's default")
		c.duration(at+".maxConnectionDuration", tcp.GetMaxConnectionDuration(), 1, "leave it out for connections without an end")
		c.duration(at+".idleTimeout", tcp.GetIdleTimeout(), 0, "write 0s for no timeout")
		c.duration(at+".tcpKeepalive.time", tcp.GetTcpKeepalive().GetTime(), 1000, "write for example 7200s")
		c.duration(at+".tcpKeepalive.interval", tcp.GetTcpKeepalive().GetInterval(), 1000, "write for example 75s")
	}
	http := p.GetHttp()
	if http == nil {
		return
	}
	at := field + ".http"
	c.count(at+".http1MaxPendingRequests", http.GetHttp1MaxPendingRequests())
	c.count(at+".http2MaxRequests", http.GetHttp2MaxRequests())
	c.count(at+".maxRequestsPerConnection", http.GetMaxRequestsPerConnection())
	c.count(at+".maxRetries", http.GetMaxRetries())
	c.count(at+".maxConcurrentStreams", http.GetMaxConcurrentStreams())
	c.duration(at+".idleTimeout", http.GetIdleTimeout(), 0, "write for example 1h")
	if n := http.GetMaxRequestsPerConnection(); n > mostRequests {
		c.warn(at+".maxRequestsPerConnection", fmt.Sprintf("%d is more than 2^29", n), "leave it out for no limit")
	}
	if http.GetUseClientProtocol() && http.GetH2UpgradePolicy() == networking.ConnectionPoolSettings_HTTPSettings_UPGRADE {
		c.warn(at+".h2UpgradePolicy", "has no effect beside useClientProtocol: the client's protocol is kept", "remove one of them")
	}
	if k := http.GetHttp2KeepAlive(); k != nil {
		c.needed(at+".http2KeepAlive.interval", k.GetInterval() != nil, "HTTP/2 PING frames need an interval and a timeout; none are sent", "write for example 30s")
		c.needed(at+".http2KeepAlive.timeout", k.GetTimeout() != nil, "HTTP/2 PING frames need an interval and a timeout; none are sent", "write for example 5s")
		c.duration(at+".http2KeepAlive.interval", k.GetInterval(), 1, "write for example 30s")
		c.duration(at+".http2KeepAlive.timeout", k.GetTimeout(), 1, "write for example 5s")
	}
}

func (c *checker) needed(field string, present bool, message, fix string) {
	if !present {
		c.fail(field, message, fix)
	}
}

// count reports a negative limit.
func (c *checker) count(field string, n int32) {
	if n < 0 {
		c.fail(field, fmt.Sprintf("%d is no limit; it is left out", n), "write a positive number, or leave it out for no limit")
	}
}

func (c *checker) outlier(field string, o *networking.OutlierDetection) {
	if o == nil {
		return
	}
	c.deprecated(field+".consecutiveErrors", o.GetConsecutiveErrors() != 0, "consecutiveGatewayErrors or consecutive5xxErrors") //nolint:staticcheck // users' files have it
	c.duration(field+".interval", o.GetInterval(), 1, "write for example 10s")
	c.duration(field+".baseEjectionTime", o.GetBaseEjectionTime(), 1, "write for example 30s")
	c.percent(field+".maxEjectionPercent", o.GetMaxEjectionPercent())
	c.percent(field+".minHealthPercent", o.GetMinHealthPercent())
	if o.GetConsecutiveLocalOriginFailures() != nil && !o.GetSplitExternalLocalOriginErrors() {
		c.warn(field+".consecutiveLocalOriginFailures", "has no effect without splitExternalLocalOriginErrors: true", "add that")
	}
	for i, code := range o.GetOutlierDetectionHttpErrorCodes() {
		if code < 100 || code > 599 {
			c.fail(fmt.Sprintf("%s.outlierDetectionHttpErrorCodes[%d]", field, i), fmt.Sprintf("%d is no HTTP status; it is left out", code), "write a number from 100 to 599")
		}
	}
}

func (c *checker) percent(field string, n int32) {
	if !Percentage(float64(n)) {
		c.fail(field, fmt.Sprintf("%d is not between 0 and 100; it is left out", n), "write for example 50")
	}
}

func (c *checker) clientTLS(field string, t *networking.ClientTLSSettings) {
	if t == nil {
		return
	}
	files := t.GetClientCertificate() != "" || t.GetPrivateKey() != ""
	switch mode := t.GetMode(); {
	case mode == networking.ClientTLSSettings_MUTUAL && t.GetCredentialName() == "" && (t.GetClientCertificate() == "" || t.GetPrivateKey() == ""):
		c.fail(field, "mode MUTUAL without a client certificate; none is presented", "set clientCertificate and privateKey, or credentialName")
	case mode == networking.ClientTLSSettings_SIMPLE && files:
		c.warn(field+".clientCertificate", "no certificate is presented in mode SIMPLE", "use mode: MUTUAL")
	case mode == networking.ClientTLSSettings_ISTIO_MUTUAL && (files || t.GetCaCertificates() != "" || t.GetCredentialName() != ""):
		c.warn(field, "mode ISTIO_MUTUAL uses the mesh's certificates; the others named here have no effect", "remove them, or use mode: MUTUAL")
	}
	if t.GetCredentialName() == "" {
		return
	}
	if files || t.GetCaCertificates() != "" {
		c.warn(field+".credentialName", "the files named beside it have no effect where the credential is used", "name files or a credential")
	}
	if t.GetCaCrl() != "" {
		c.warn(field+".caCrl", "has no effect beside credentialName", "put the list into the Secret, under ca.crl or crl")
	}
}

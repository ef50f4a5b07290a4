package tap

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"

	"github.com/meshctl/meshctl/pkg/tap"
)

const (
	// maxPath and maxValue bound what is kept of a path and of any other text, in bytes.
	maxPath  = 2048
	maxValue = 512
)

var protocols = map[datav3.HTTPAccessLogEntry_HTTPVersion]string{
	datav3.HTTPAccessLogEntry_HTTP10: "HTTP/1.0", datav3.HTTPAccessLogEntry_HTTP11: "HTTP/1.1",
	datav3.HTTPAccessLogEntry_HTTP2: "HTTP/2", datav3.HTTPAccessLogEntry_HTTP3: "HTTP/3",
}

// request is what a proxy reports of an HTTP request.
func request(side tap.Side, in *datav3.HTTPAccessLogEntry) *tap.Event {
	e := common(side, in.GetCommonProperties())
	r, a, tags := in.GetRequest(), in.GetResponse(), in.GetCommonProperties().GetCustomTags()
	e.Protocol = cmp.Or(protocols[in.GetProtocolVersion()], "HTTP")
	e.Method = text(strings.ToUpper(cmp.Or(known(tags[tap.TagMethod]), method(r))))
	e.Scheme, e.Authority, e.RequestID = text(r.GetScheme()), text(r.GetAuthority()), text(r.GetRequestId())
	e.Path = bounded(cmp.Or(r.GetOriginalPath(), r.GetPath()), maxPath)
	e.Status, e.Details = int(a.GetResponseCode().GetValue()), text(a.GetResponseCodeDetails())
	if n, err := strconv.Atoi(known(tags[tap.TagGRPC])); err == nil {
		e.GRPC = &n
	}
	e.TraceID = text(known(tags[tap.TagTrace]))
	e.Received, e.Sent = r.GetRequestBodyBytes(), a.GetResponseBodyBytes()
	e.Headers = map[string]string{}
	for name, value := range r.GetRequestHeaders() {
		e.Headers[text(strings.ToLower(name))] = text(value)
	}
	for name, value := range map[string]string{"user-agent": r.GetUserAgent(), "referer": r.GetReferer(), "x-forwarded-for": r.GetForwardedFor()} {
		if value != "" {
			e.Headers[name] = text(value)
		}
	}
	return e
}

func method(r *datav3.HTTPRequestProperties) string {
	if r.GetRequestMethod() == corev3.RequestMethod_METHOD_UNSPECIFIED {
		return ""
	}
	return r.GetRequestMethod().String()
}

// connection is what a proxy reports of a TCP connection when it ends.
func connection(side tap.Side, in *datav3.TCPAccessLogEntry) *tap.Event {
	e := common(side, in.GetCommonProperties())
	e.Protocol = "TCP"
	e.Received, e.Sent = in.GetConnectionProperties().GetReceivedBytes(), in.GetConnectionProperties().GetSentBytes()
	return e
}

func common(side tap.Side, c *datav3.AccessLogCommon) *tap.Event {
	e := &tap.Event{
		Time: c.GetStartTime().AsTime(), Side: side, Flags: flags(c.GetResponseFlags()),
		Failure: text(c.GetUpstreamTransportFailureReason()), Termination: text(c.GetConnectionTerminationDetails()),
		DurationMs: inMilliseconds(cmp.Or(c.GetDuration(), c.GetTimeToLastDownstreamTxByte()).AsDuration()),
		Route:      text(c.GetRouteName()), Cluster: text(c.GetUpstreamCluster()), Attempts: int(c.GetUpstreamRequestAttemptCount()),
	}
	if c.GetTimeToFirstUpstreamRxByte() != nil && c.GetTimeToLastUpstreamTxByte() != nil {
		took := max(0, inMilliseconds(c.GetTimeToFirstUpstreamRxByte().AsDuration()-c.GetTimeToLastUpstreamTxByte().AsDuration()))
		e.UpstreamMs = &took
	}
	e.Source.Address = address(cmp.Or(c.GetDownstreamDirectRemoteAddress(), c.GetDownstreamRemoteAddress()))
	if side == tap.Edge {
		e.Source.Address = address(c.GetDownstreamRemoteAddress())
	}
	e.Destination.Address = address(c.GetUpstreamRemoteAddress())
	if side == tap.Server {
		e.Source.Identity, e.Security = peer(c.GetTlsProperties())
	} else {
		e.Destination.Service, e.Destination.Port = destination(e.Cluster)
		e.Destination.Identity, e.Security = upstream(c)
	}
	return e
}

// peer says who the other end of a connection proved to be.
func peer(p *datav3.TLSProperties) (identity string, s tap.Security) {
	for _, name := range p.GetPeerCertificateProperties().GetSubjectAltName() {
		if uri := name.GetUri(); strings.HasPrefix(uri, "spiffe://") {
			return text(uri), tap.MutualTLS
		}
	}
	if p == nil || p.GetTlsVersion() == datav3.TLSProperties_VERSION_UNSPECIFIED {
		return "", tap.Plaintext
	}
	return "", tap.TLS
}

func upstream(c *datav3.AccessLogCommon) (identity string, s tap.Security) {
	identity, version := known(c.GetCustomTags()[tap.TagPeer]), known(c.GetCustomTags()[tap.TagTLS])
	switch {
	case strings.HasPrefix(identity, "spiffe://") && !strings.Contains(identity, ","):
		return text(identity), tap.MutualTLS
	case version != "":
		return "", tap.TLS
	case c.GetUpstreamRemoteAddress() == nil || c.GetTimeToFirstUpstreamTxByte() == nil && c.GetUpstreamLocalAddress() == nil:
		return "", tap.Unknown
	}
	return "", tap.Plaintext
}

// destination reads the name of a cluster: "outbound|PORT|SUBSET|HOST".
func destination(cluster string) (host string, port uint32) {
	parts := strings.Split(cluster, "|")
	if len(parts) != 4 || parts[0] != "outbound" {
		return "", 0
	}
	n, _ := strconv.ParseUint(parts[1], 10, 16)
	return parts[3], uint32(n)
}

func address(a *corev3.Address) string {
	switch a := a.GetAddress().(type) {
	case *corev3.Address_SocketAddress:
		return text(net.JoinHostPort(a.SocketAddress.GetAddress(), strconv.FormatUint(uint64(a.SocketAddress.GetPortValue()), 10)))
	case *corev3.Address_Pipe:
		return text("unix:" + a.Pipe.GetPath())
	}
	return ""
}

func inMilliseconds(d time.Duration) float64 { return float64(d/time.Microsecond) / 1000 }

// known is a value that Envoy has: it writes a dash for others.
func known(value string) string {
	if value == "-" {
		return ""
	}
	return value
}

func text(s string) string { return bounded(s, maxValue) }

func bounded(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// flags are the abbreviations of what is set, sorted.
func flags(f *datav3.ResponseFlags) []string {
	if f == nil {
		return nil
	}
	var out []string
	for _, one := range [...]struct {
		short string
		set   bool
	}{
		{"LH", f.GetFailedLocalHealthcheck()}, {"UH", f.GetNoHealthyUpstream()}, {"UT", f.GetUpstreamRequestTimeout()},
		{"LR", f.GetLocalReset()}, {"UR", f.GetUpstreamRemoteReset()}, {"UF", f.GetUpstreamConnectionFailure()},
		{"UC", f.GetUpstreamConnectionTermination()}, {"UO", f.GetUpstreamOverflow()}, {"NR", f.GetNoRouteFound()},
		{"DI", f.GetDelayInjected()}, {"FI", f.GetFaultInjected()}, {"RL", f.GetRateLimited()},
		{"UAEX", f.GetUnauthorizedDetails() != nil}, {"RLSE", f.GetRateLimitServiceError()}, {"DC", f.GetDownstreamConnectionTermination()},
		{"URX", f.GetUpstreamRetryLimitExceeded()}, {"SI", f.GetStreamIdleTimeout()}, {"IH", f.GetInvalidEnvoyRequestHeaders()},
		{"DPE", f.GetDownstreamProtocolError()}, {"UMSDR", f.GetUpstreamMaxStreamDurationReached()}, {"RFCF", f.GetResponseFromCacheFilter()},
		{"NFCF", f.GetNoFilterConfigFound()}, {"DT", f.GetDurationTimeout()}, {"UPE", f.GetUpstreamProtocolError()},
		{"NC", f.GetNoClusterFound()}, {"OM", f.GetOverloadManager()}, {"DF", f.GetDnsResolutionFailure()}, {"DR", f.GetDownstreamRemoteReset()},
	} {
		if one.set {
			out = append(out, one.short)
		}
	}
	slices.Sort(out)
	return out
}

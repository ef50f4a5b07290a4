package translate

import (
	"regexp"
	"strings"
	"sync"
)

// Commands that Envoy substitutes in access logs and header values (Envoy's documentation, "Substitution formatter"): names that
// stand alone, and names that take an argument. One that Envoy does not know makes it refuse the whole resource.
var (
	plainCommand = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(START_TIME|START_TIME_LOCAL|EMIT_TIME|EMIT_TIME_LOCAL|BYTES_RECEIVED|BYTES_SENT|BYTES_RETRANSMITTED|PACKETS_RETRANSMITTED|PROTOCOL|UPSTREAM_PROTOCOL|` +
			`RESPONSE_CODE|RESPONSE_CODE_DETAILS|RESPONSE_FLAGS|RESPONSE_FLAGS_LONG|CONNECTION_TERMINATION_DETAILS|DURATION|REQUEST_DURATION|REQUEST_TX_DURATION|RESPONSE_DURATION|RESPONSE_TX_DURATION|` +
			`DOWNSTREAM_HANDSHAKE_DURATION|ROUNDTRIP_DURATION|REQUEST_HEADERS_BYTES|RESPONSE_HEADERS_BYTES|RESPONSE_TRAILERS_BYTES|DOWNSTREAM_HEADER_BYTES_(SENT|RECEIVED)|DOWNSTREAM_WIRE_BYTES_(SENT|RECEIVED)|` +
			`UPSTREAM_WIRE_BYTES_(SENT|RECEIVED)|UPSTREAM_HEADER_BYTES_(SENT|RECEIVED)|ROUTE_NAME|VIRTUAL_CLUSTER_NAME|STREAM_ID|CONNECTION_ID|HOSTNAME|LOCAL_REPLY_BODY|FILTER_CHAIN_NAME|REQUESTED_SERVER_NAME|ACCESS_LOG_TYPE|` +
			`UPSTREAM_(HOST|HOST_NAME|HOST_NAME_WITHOUT_PORT|CLUSTER|CLUSTER_RAW|LOCAL_ADDRESS|LOCAL_ADDRESS_WITHOUT_PORT|LOCAL_PORT|REMOTE_ADDRESS|REMOTE_ADDRESS_WITHOUT_PORT|REMOTE_PORT|REQUEST_ATTEMPT_COUNT|TRANSPORT_FAILURE_REASON|CONNECTION_ID|` +
			`TLS_CIPHER|TLS_VERSION|TLS_SESSION_ID|PEER_ISSUER|PEER_CERT|PEER_SUBJECT|PEER_URI_SAN|PEER_DNS_SAN|LOCAL_URI_SAN|LOCAL_SUBJECT|LOCAL_DNS_SAN)|` +
			`DOWNSTREAM_(REMOTE|LOCAL|DIRECT_REMOTE|DIRECT_LOCAL)_(ADDRESS|ADDRESS_WITHOUT_PORT|PORT)|DOWNSTREAM_(PEER|LOCAL)_(URI_SAN|SUBJECT|DNS_SAN|IP_SAN|EMAIL_SAN|OTHERNAME_SAN)|` +
			`DOWNSTREAM_(PEER_ISSUER|TLS_SESSION_ID|TLS_CIPHER|TLS_VERSION|PEER_FINGERPRINT_256|PEER_FINGERPRINT_1|PEER_SERIAL|PEER_CERT|PEER_CERT_V_START|PEER_CERT_V_END|TRANSPORT_FAILURE_REASON))(:[0-9]{1,6})?$`)
	})
	argumentCommand = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^((REQ|RESP|TRAILER)\([-_?:.A-Za-z0-9]+\)(:[0-9]{1,6})?|GRPC_STATUS(\((CAMEL_STRING|SNAKE_STRING|NUMBER)\))?|GRPC_STATUS_NUMBER|` +
			`(DYNAMIC_METADATA|CLUSTER_METADATA|UPSTREAM_METADATA)\([-_:./A-Za-z0-9]+\)(:[0-9]{1,6})?|FILTER_STATE\([-_./A-Za-z0-9]+(:(PLAIN|TYPED))?\)(:[0-9]{1,6})?|` +
			`START_TIME\([-_:./ A-Za-z0-9]*\)|REQ_WITHOUT_QUERY\([-_?:A-Za-z0-9]+\)(:[0-9]{1,6})?|ENVIRONMENT\([_A-Za-z0-9]+\)(:[0-9]{1,6})?)$`)
	})
)

func knownCommand(c string) bool {
	return plainCommand().MatchString(c) || argumentCommand().MatchString(c)
}

// logCommands returns what is wrong with a format; empty when nothing is. A time format has percent signs of its own.
func logCommands(format string) string {
	for rest := strings.ReplaceAll(format, "%%", ""); ; {
		_, after, found := strings.Cut(rest, "%")
		if !found {
			return ""
		}
		if args, ok := strings.CutPrefix(after, "START_TIME("); ok {
			if _, tail, closed := strings.Cut(args, ")%"); closed {
				rest = tail
				continue
			}
		}
		command, tail, closed := strings.Cut(after, "%")
		if !closed || !knownCommand(command) {
			return "it has a command that Envoy does not know: %" + command
		}
		rest = tail
	}
}

package telemetry_test

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/test/servers"
)

const bookinfoProviders = `
    extensionProviders:
    - {name: zipkin, zipkin: {service: zipkin.istio-system.svc.cluster.local, port: 9999}}
    - {name: both, zipkin: {service: zipkin.istio-system.svc.cluster.local, port: 9999, traceContextOption: USE_B3_WITH_W3C_PROPAGATION}}
    - {name: otel, opentelemetry: {service: otlp.istio-system.svc.cluster.local, port: 9999}}
`

// allTraced is a Telemetry object by which the mesh traces every request.
func allTraced(provider, more string) string {
	return telemetry("istio-system", "all", "{tracing: [{providers: [{name: "+provider+"}], randomSamplingPercentage: 100"+more+"}]}")
}

// TestBookinfoTraces: one request for the page is one whole trace, in a real Zipkin and in what OpenTelemetry's collectors are sent, whichever
// headers carry the trace from service to service.
func TestBookinfoTraces(t *testing.T) {
	z := servers.StartZipkin(t)
	_, port, err := net.SplitHostPort(z.Address)
	check(t, err)
	number, err := strconv.Atoi(port)
	check(t, err)
	var otel records
	s := newShop(t, map[string]string{
		"mesh.yaml": meshConfig(bookinfoProviders), "case.yaml": allTraced("zipkin", customTags),
		"collectors.yaml": collector("zipkin", "http", number) + collector("otlp", "grpc", otlp(t, &otel)),
	})
	s.page(t)
	t.Run("without a caller's trace", func(t *testing.T) {
		s.page(t, "x-id=mine")
		envoytest.Eventually(t, "a whole trace", func() error {
			found, err := z.Traces(map[string]string{"annotationQuery": "asked=mine"})
			if err != nil || len(found) != 1 {
				return fmt.Errorf("%d traces, want one: %w", len(found), err)
			}
			if err := whole(ofZipkin(found[0]), ""); err != nil {
				return err
			}
			return tagged(ofZipkin(found[0]))
		})
	})
	zipkinHas := func(id string) error {
		found, err := z.Trace(id)
		if err != nil {
			return err
		}
		return whole(ofZipkin(found), parent)
	}
	b3 := func(id, sampled string) []string {
		return []string{"x-b3-traceid=" + id, "x-b3-spanid=" + parent, "x-b3-sampled=" + sampled}
	}
	t.Run("B3, several headers", func(t *testing.T) {
		s.traced(t, func(id string) []string { return b3(id, "1") }, zipkinHas)
	})
	t.Run("B3, one header", func(t *testing.T) {
		s.traced(t, func(id string) []string { return []string{"b3=" + id + "-" + parent + "-1"} }, zipkinHas)
	})
	t.Run("the caller does not want it", func(t *testing.T) {
		const unwanted = "0af7651916cd43dd8448eb211c80319c"
		s.page(t, b3(unwanted, "0")...)
		s.traced(t, func(id string) []string { return b3(id, "1") }, zipkinHas) // what came before would be there, too
		if found, err := z.Trace(unwanted); err != nil || len(found) > 0 {
			t.Errorf("%d spans, %v", len(found), err)
		}
	})
	w3c := func(id string) []string {
		return []string{"traceparent=00-" + id + "-" + parent + "-01", "tracestate=a=b"}
	}
	s.Case("W3C", allTraced("both", ""), func(t *testing.T) { s.traced(t, w3c, zipkinHas) })
	s.Case("OpenTelemetry", allTraced("otel", customTags), func(t *testing.T) {
		s.traced(t, w3c, func(id string) error {
			return whole(slices.DeleteFunc(otel.ofOTLP(), func(one span) bool { return one.trace != id }), parent)
		})
	})
}

// parent is the span of a caller.
const parent = "b7ad6b7169203331"

// traced asks for the page as a caller with a trace, whose headers depend on its id, until one of its traces is whole. Connections that were there
// before configuration changed still follow the old one for a moment.
func (s *shop) traced(t *testing.T, headers func(id string) []string, whole func(id string) error) {
	t.Helper()
	var ids []string
	envoytest.Eventually(t, "a whole trace", func() error {
		id := make([]byte, 16)
		_, _ = rand.Read(id)
		ids = append(ids, hex.EncodeToString(id))
		s.page(t, headers(ids[len(ids)-1])...)
		var errs []error
		for _, id := range ids {
			err := whole(id)
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(errs[max(0, len(errs)-2):]...)
	})
}

const customTags = `, customTags: {
  asked: {header: {name: x-id, defaultValue: nobody}}, fixed: {literal: {value: "yes"}}, revision: {environment: {name: CANONICAL_REVISION, defaultValue: none}},
  path: {formatter: {value: "%REQ(:PATH)%"}}}`

// tagged says which of the tags that Istio documents (https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/) the
// spans of a trace lack, and which of customTags.
func tagged(spans []span) error {
	for _, s := range spans {
		service, namespace, _ := strings.Cut(s.service, ".")
		want := map[string]string{
			"component": "proxy", "istio.canonical_service": service, "istio.namespace": namespace, "http.status_code": "200", "http.protocol": "HTTP/1.1",
			"response_flags": "-", "fixed": "yes",
		}
		if !strings.HasPrefix(s.name, "router ") { // that is the gateway's span of one try
			want["http.method"] = "GET"
		}
		if service == "reviews" {
			want["istio.canonical_revision"], want["revision"], want["asked"] = "v2", "v2", "nobody" // programs do not pass x-id on
		}
		if service == "details" {
			want["path"], want["upstream_cluster"], want["http.url"] = "/details/0", "inbound|9080||", "http://details:9080/details/0"
		}
		for k, v := range want {
			if s.tags[k] != v {
				return fmt.Errorf("%s %s: the tag %s is %q, want %q; all: %v", s.kind, s.service, k, s.tags[k], v, s.tags)
			}
		}
		for _, k := range []string{"guid:x-request-id", "node_id"} {
			if s.tags[k] == "" && !strings.HasPrefix(s.name, "router ") {
				return fmt.Errorf("%s %s: no tag %s in %v", s.kind, s.service, k, s.tags)
			}
		}
	}
	return nil
}

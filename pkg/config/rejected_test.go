package config

import (
	"maps"
	"slices"
	"strings"
	"testing"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/config/coverage"
)

func TestRejectedFieldsHaveCodes(t *testing.T) {
	for key, line := range coverage.RejectedFields() {
		if _, found := codes.Lookup(Code(line.Code)); !found {
			t.Errorf("%s is rejected with %q, which is not in the table of codes", key, line.Code)
		}
	}
}

func TestRejectedFieldIsReportedWhereItIsWritten(t *testing.T) {
	const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec:
  hosts: [a]
  http:
  - fault: {abort: {http2Error: ""}}
  - fault:
      abort: {http2_error: x}
`
	objects, problems := Decode("f", strings.NewReader(text))
	const want = "f:9:15: VirtualService/default/v: spec.http[1].fault.abort.http2_error: has no effect: Istio never implemented it (fix: use httpStatus or grpcStatus) [MSH0101]"
	pod, _ := Decode("f", strings.NewReader(`{apiVersion: v1, kind: Pod, metadata: {name: p, annotations: {proxy.istio.io/config: "sds: {enabled: true}"}}}`))
	if _, inside := DecodeProxyConfigAnnotation(pod[0]); len(inside) != 1 || inside[0].Code != codes.Deprecated {
		t.Errorf("an annotation: %v", lines(inside))
	}
	if len(objects) != 1 || len(problems) != 1 || problems[0].Error() != want {
		t.Errorf("got %v, %v; want\n%s", objects, lines(problems), want)
	}
}

func TestRejectedValues(t *testing.T) {
	fields := (&networking.LoadBalancerSettings{}).ProtoReflect().Descriptor().Fields()
	simple := fields.ByName("simple")
	line := coverage.Line{Message: "istio.networking.v1alpha3.LoadBalancerSettings", Field: "simple", Value: "LEAST_CONN", Code: "IST0002", Reason: "old", Fix: "LEAST_REQUEST"}
	f := &field{name: "simple", schema: protoCompiler{}.field(simple)}
	reject(f, simple, map[string]coverage.Line{line.Key(): line})
	if got := slices.Collect(maps.Keys(f.schema.rejected)); !slices.Equal(got, []string{"LEAST_CONN"}) || f.rejected != nil {
		t.Errorf("got %v, %v", got, f.rejected)
	}
}

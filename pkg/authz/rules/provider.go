package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	meshconfig "istio.io/api/mesh/v1alpha1"
)

// longestTimeout is what Envoy takes for one.
const longestTimeout = (1<<32 - 1) * time.Second

// CheckProvider returns what is wrong with a provider that CUSTOM policies may name
// (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider); fields are relative to it. A provider
// with a fault is not asked: what it should decide is denied. Of providers of another sort there is nothing to say.
func CheckProvider(p *meshconfig.MeshConfig_ExtensionProvider) []Fault {
	c := &providerCheck{}
	switch {
	case p.GetEnvoyExtAuthzHttp() != nil:
		in := p.GetEnvoyExtAuthzHttp()
		c.at = "envoyExtAuthzHttp"
		c.address(in.GetService(), in.GetPort())
		c.answer(in.GetStatusOnError(), in.GetTimeout(), in.GetIncludeRequestBodyInCheck())
		if prefix := in.GetPathPrefix(); prefix != "" && (prefix[0] != '/' || strings.ContainsFunc(prefix, notPrintable)) {
			c.fail("pathPrefix", strconv.Quote(prefix)+" does not begin with / or has characters that a path must not have", "for example /check")
		}
		c.headers("includeRequestHeadersInCheck", in.GetIncludeRequestHeadersInCheck())
		c.headers("includeHeadersInCheck", in.GetIncludeHeadersInCheck()) //nolint:staticcheck // the deprecated spelling still works
		c.headers("headersToUpstreamOnAllow", in.GetHeadersToUpstreamOnAllow())
		c.headers("headersToDownstreamOnDeny", in.GetHeadersToDownstreamOnDeny())
		c.headers("headersToDownstreamOnAllow", in.GetHeadersToDownstreamOnAllow())
		for _, name := range slices.Sorted(maps.Keys(in.GetIncludeAdditionalHeadersInCheck())) {
			if value := in.GetIncludeAdditionalHeadersInCheck()[name]; !headerName(name) || strings.ContainsAny(value, "\x00\r\n") || len(value) > 16384 {
				c.fail("includeAdditionalHeadersInCheck["+name+"]", "is no header that can be sent", "")
			}
		}
	case p.GetEnvoyExtAuthzGrpc() != nil:
		in := p.GetEnvoyExtAuthzGrpc()
		c.at = "envoyExtAuthzGrpc"
		c.address(in.GetService(), in.GetPort())
		c.answer(in.GetStatusOnError(), in.GetTimeout(), in.GetIncludeRequestBodyInCheck())
	default:
		return nil
	}
	if p.GetName() == "" {
		c.faults = append(c.faults, Fault{Field: "name", Message: "a provider without a name can be used by no policy", Fix: "give it a name"})
	}
	return c.faults
}

type providerCheck struct {
	at     string
	faults []Fault
}

func (c *providerCheck) fail(field, message, fix string) {
	c.faults = append(c.faults, Fault{Field: c.at + "." + field, Message: message, Fix: fix})
}

func (c *providerCheck) address(service string, port uint32) {
	if _, host := ProviderService(service); host == "" {
		c.fail("service", strconv.Quote(service)+" names no service", "[NAMESPACE/]HOST, for example ext-authz.foo.svc.cluster.local")
	}
	if port < 1 || port > 65535 {
		c.fail("port", fmt.Sprintf("%d is no port", port), "a number from 1 to 65535")
	}
}

func (c *providerCheck) answer(statusOnError string, timeout *durationpb.Duration, body *meshconfig.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationRequestBody) {
	if statusOnError != "" && StatusOnError(statusOnError) == nil {
		c.fail("statusOnError", strconv.Quote(statusOnError)+" is no HTTP status that Envoy knows", `for example "503"`)
	}
	if d := timeout.AsDuration(); timeout != nil && (timeout.CheckValid() != nil || d < 0 || d >= longestTimeout) {
		c.fail("timeout", "is no time to wait", "for example 5s")
	}
	if body != nil && body.GetMaxRequestBytes() == 0 {
		c.fail("includeRequestBodyInCheck.maxRequestBytes", "must be more than 0", "for example 4096")
	}
}

func (c *providerCheck) headers(field string, names []string) {
	for i, n := range names {
		if n == "*" || n == "" {
			c.fail(fmt.Sprintf("%s[%d]", field, i), "a lone * or nothing names no header", "use a name, a prefix (x-*) or a suffix (*-id)")
		}
	}
}

func notPrintable(c rune) bool { return c <= ' ' || c == 0x7f }

// StatusOnError reads a provider's statusOnError; nil when it is none, or none that Envoy knows.
func StatusOnError(v string) *typev3.HttpStatus {
	code, err := strconv.ParseInt(v, 10, 32)
	if _, known := typev3.StatusCode_name[int32(code)]; err != nil || !known || code == 0 {
		return nil
	}
	return &typev3.HttpStatus{Code: typev3.StatusCode(code)}
}

// ProviderService reads a provider's service, "[NAMESPACE/]HOST"; without a namespace any is meant.
func ProviderService(v string) (namespace, host string) {
	namespace, host, found := strings.Cut(v, "/")
	if !found {
		return "", strings.ToLower(v)
	}
	if strings.Contains(host, "/") {
		return "", ""
	}
	return namespace, strings.ToLower(host)
}

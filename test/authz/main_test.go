// Package authz_test shows with live Envoys whom AuthorizationPolicies and PeerAuthentications let in, in both modes.
package authz_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const services = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec: {clusterIP: 10.99.0.1, selector: {app: server}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}, {name: grpc, port: 9000}]}
`

// members are a server and two clients with identities of their own; a bystander's is of another namespace.
func members() []meshtest.Member {
	bystander := meshtest.Sidecar("bystander")
	bystander.Namespace = "other"
	return []meshtest.Member{
		{Options: meshtest.Sidecar("server"), Serves: true}, {Options: meshtest.Sidecar("client")}, {Options: bystander},
	}
}

// policy is an AuthorizationPolicy of namespace default.
func policy(name, spec string) string { return policyIn("default", name, spec) }

func policyIn(namespace, name, spec string) string {
	return policyOf(namespace, "{name: "+name+"}", spec)
}

// policyOf is one with more metadata than its name.
func policyOf(namespace, metadata, spec string) string {
	metadata = strings.Replace(metadata, "{", "{namespace: "+namespace+", ", 1)
	return "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: " + metadata + "\nspec: " + spec + "\n"
}

// try is a request and its fate.
type try struct {
	from string // client when empty
	meshtest.Request
	want int // 200 when zero
}

// tries sends requests to the server until each meets its fate: a connection that was made before a policy changed is answered by the
// old one once more.
func tries(t *testing.T, m *meshtest.Traffic, list ...try) {
	t.Helper()
	for _, r := range list {
		if r.from == "" {
			r.from = "client"
		}
		if r.want == 0 {
			r.want = http.StatusOK
		}
		what := fmt.Sprintf("%s %q of %s (host %q, headers %q)", r.Method, r.URL, r.from, r.Host, r.Headers)
		r.URL = "http://server.default/" + strings.TrimPrefix(r.URL, "/")
		meshtest.Await(t, m.Client(r.from, r.URL), r.Request, func(a meshtest.Answer) error {
			if a.Status != r.want || a.Status == http.StatusForbidden && a.Body != "RBAC: access denied" {
				return fmt.Errorf("%s: want %d", what, r.want)
			}
			return nil
		})
	}
}

// get is a request with headers "NAME=VALUE" that is answered, denied one that is not.
func get(path string, headers ...string) try {
	return try{Request: meshtest.Request{URL: path, Headers: headers}}
}

func denied(path string, headers ...string) try {
	r := get(path, headers...)
	r.want = http.StatusForbidden
	return r
}

// by and with make the same request another caller's, or one with another method.
func (r try) by(from string) try     { r.from = from; return r }
func (r try) with(method string) try { r.Method = method; return r }
func (r try) to(host string) try     { r.Host = host; return r }

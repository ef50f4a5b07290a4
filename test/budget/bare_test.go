// Package budget measures what the mesh costs next to what its data plane costs anyway: a pair of sidecars as users get them, against a
// hand-written pair of Envoys that do nothing but the same mutual TLS.
package budget

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"testing"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
)

// bare starts the minimal pair in front of a backend (host:port).
func bare(t *testing.T, authority *ca.Authority, backend string) pair {
	server, toServer := startSide(t, downstreamTLS(tlsContext(t, authority, "web")), "", backend)
	client, toClient := startSide(t, "", upstreamTLS(tlsContext(t, authority, "client")), toServer)
	return pair{address: toClient, client: client.Pid(), server: server.Pid()}
}

// startSide starts a proxy and returns where it listens.
func startSide(t *testing.T, downstream, upstream, target string) (*envoytest.Envoy, string) {
	e := envoytest.Start(t, []byte(side(t, downstream, upstream, target)))
	e.WaitReady(t)
	body, err := envoytest.Get(e.Admin, "/listeners?format=json")
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Statuses []struct {
			Address struct {
				Socket struct {
					Port int `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &out); err != nil || len(out.Statuses) != 1 {
		t.Fatalf("%v: %s", err, body)
	}
	return e, fmt.Sprintf("127.0.0.1:%d", out.Statuses[0].Address.Socket.Port)
}

// side is a proxy that listens on a port of its own choice and forwards everything to one address.
func side(t *testing.T, downstream, upstream, target string) string {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: web
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: target}}]}]}
      %s
  clusters:
  - name: target
    connect_timeout: 5s
    load_assignment:
      cluster_name: target
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: %s, port_value: %s}}}}]}]
    %s
`, downstream, host, port, upstream)
}

const tlsTypes = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."

func downstreamTLS(context string) string {
	return `transport_socket: {name: tls, typed_config: {"@type": ` + tlsTypes + `DownstreamTlsContext, require_client_certificate: true, common_tls_context: ` + context + `}}`
}

func upstreamTLS(context string) string {
	return `transport_socket: {name: tls, typed_config: {"@type": ` + tlsTypes + `UpstreamTlsContext, common_tls_context: ` + context + `}}`
}

// tlsContext has a certificate for a service account and trusts the mesh.
func tlsContext(t *testing.T, authority *ca.Authority, account string) string {
	pair := controlplanetest.Certificate(t, authority, ca.Identity{TrustDomain: authority.TrustDomain(), Namespace: "default", ServiceAccount: account})
	var chain []byte
	for _, der := range pair.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return fmt.Sprintf("{tls_certificates: [{certificate_chain: {inline_string: %q}, private_key: {inline_string: %q}}], validation_context: {trusted_ca: {inline_string: %q}}}",
		chain, privateKey(t, pair), authority.TrustBundle())
}

func privateKey(t *testing.T, pair *tls.Certificate) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

package controlplane_test

import (
	"strings"
	"testing"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/pkg/xds"
)

// A proxy is served only when it is who it claims to be.
func TestNodeClaims(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop})
	for name, c := range map[string]struct {
		namespace, account string // of the certificate
		metadata           map[string]any
		refused            string // a part of the reason; empty when it is served
	}{
		"its own namespace":     {namespace: "a", account: "web"},
		"its own account":       {namespace: "a", account: "web", metadata: map[string]any{"SERVICE_ACCOUNT": "web"}},
		"another account":       {namespace: "a", account: "web", metadata: map[string]any{"SERVICE_ACCOUNT": "admin"}, refused: `claims service account "admin"`},
		"another namespace":     {namespace: "b", account: "web", refused: `claims namespace "a"`},
		"no certificate":        {refused: "shows no client certificate"},
		"contradicts itself":    {namespace: "a", account: "web", metadata: map[string]any{"NAMESPACE": "b"}, refused: `NAMESPACE says "b"`},
		"a string for a number": {namespace: "a", account: "web", metadata: map[string]any{"LABELS": "app=web"}},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := controlplanetest.Connect(t, p.Dial(t, c.namespace, c.account), controlplanetest.Node(t, webA, c.metadata), nil)
			if c.refused == "" {
				proxy.Await(xds.ClusterType, clusterA, nil)
				return
			}
			err := proxy.Err()
			if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("got %v, want PermissionDenied that says %q", err, c.refused)
			}
		})
	}
}

// A gateway is given its namespace's credentials: it must say which account it runs as.
func TestGatewayWithoutAccount(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop})
	node := controlplanetest.Node(t, "router~10.0.0.9~edge-0.a~a.svc.cluster.local", nil)
	err := controlplanetest.Connect(t, p.Dial(t, "a", "web"), node, nil).Err()
	if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "SERVICE_ACCOUNT") {
		t.Errorf("got %v", err)
	}
}

func TestStrangeNodeIDs(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop})
	conn := p.DialPlaintext(t)
	for _, id := range []string{"", "web", "sidecar~10.0.0.1~web~x", "ghost~10.0.0.1~web.a~x", "sidecar~10.0.0.1~.a~x", "sidecar~10.0.0.1~web.~x", "~~~", strings.Repeat("~", 1000)} {
		err := controlplanetest.Connect(t, conn, controlplanetest.Node(t, id, nil), nil).Err()
		if code := status.Code(err); code != codes.PermissionDenied && code != codes.InvalidArgument || !strings.Contains(err.Error(), "node") {
			t.Errorf("node id %.20q: got %v", id, err)
		}
	}
}

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: edge-cert}}
---
apiVersion: v1
kind: Secret
metadata: {name: edge-cert, namespace: istio-system}
stringData:
`

// TestSecrets: only a gateway with a certificate of the mesh is told a key.
func TestSecrets(t *testing.T) {
	chain, key := controlplanetest.ServerCertificate(t, "edge.example.com")
	p := controlplanetest.Start(t, map[string]string{
		"gateway.yaml": gateway + "  tls.crt: |\n" + indent(chain) + "  tls.key: |\n" + indent(key),
	})
	const router = "router~10.0.0.9~edge-0.istio-system~istio-system.svc.cluster.local"
	node := controlplanetest.Node(t, router, map[string]any{"LABELS": map[string]any{"istio": "ingressgateway"}, "SERVICE_ACCOUNT": "edge"})
	const name = "kubernetes://edge-cert"

	trusted := controlplanetest.Connect(t, p.Dial(t, "istio-system", "edge"), node, nil)
	trusted.Ask(xds.SecretType, name)
	trusted.Await(xds.SecretType, name, func(r *discoveryv3.Resource) error {
		var s tlsv3.Secret
		if err := r.GetResource().UnmarshalTo(&s); err != nil {
			return err
		}
		if got := s.GetTlsCertificate().GetPrivateKey().GetInlineBytes(); strings.TrimSpace(string(got)) != strings.TrimSpace(key) {
			t.Errorf("the secret has another key")
		}
		return nil
	})

	anyone := controlplanetest.Connect(t, p.DialPlaintext(t), node, nil)
	anyone.Await(xds.ListenerType, "0.0.0.0_80", nil)
	anyone.Ask(xds.SecretType, name)
	anyone.Barrier() // what was asked for has been answered
	for what, held := range anyone.Held() {
		for n, r := range held {
			if what == xds.SecretType || strings.Contains(r.String(), "PRIVATE KEY") {
				t.Errorf("the plaintext port gave away %s", n)
			}
		}
	}
}

func indent(pem string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(pem), "\n", "\n    ") + "\n"
}

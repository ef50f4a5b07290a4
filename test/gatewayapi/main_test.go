// Package gatewayapi_test sends traffic where the Gateway API, SMI and Kubernetes Ingress say, through live gateways and sidecars.
package gatewayapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// services are one, two and three, each with its Program, and web, which all of them serve.
func services() string {
	var b strings.Builder
	for _, name := range []string{"one", "two", "three"} {
		fmt.Fprintf(&b, service, name, "default", "program: "+name)
	}
	fmt.Fprintf(&b, service, "web", "default", "app: web")
	fmt.Fprintf(&b, service, "foreign", "other", "program: foreign")
	return b.String()
}

const service = `---
apiVersion: v1
kind: Service
metadata: {name: %s, namespace: %s}
spec: {selector: {%s}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}, {name: tls, port: 8443}, {name: grpc, port: 9000}]}
`

// start runs the Programs of the services.
func start(m *meshtest.Mesh) {
	for _, name := range []string{"one", "two", "three"} {
		o := meshtest.Sidecar(name, "app=web", "program="+name)
		o.Ports = meshtest.StartProgram(m.T(), name).Ports()
		m.Start(o)
	}
	foreign := meshtest.Sidecar("foreign", "program=foreign")
	foreign.Namespace, foreign.Ports = "other", meshtest.StartProgram(m.T(), "foreign").Ports()
	m.Start(foreign)
}

// object is one of an API; spec is YAML in flow style.
func object(apiVersion, kind, name, spec string) string {
	return fmt.Sprintf("---\napiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: default}\nspec: %s\n", apiVersion, kind, name, spec)
}

func gatewayAPI(kind, name, spec string) string {
	return object("gateway.networking.k8s.io/v1", kind, name, spec)
}

// gateway is one of the class istio, served by the proxies that carry its name.
func gateway(listeners string) string {
	return gatewayAPI("Gateway", "edge", "{gatewayClassName: istio, listeners: ["+listeners+"]}")
}

// httpRoute is attached to the gateway.
func httpRoute(name, hostnames, rules string) string {
	return gatewayAPI("HTTPRoute", name, fmt.Sprintf("{parentRefs: [{name: edge}], hostnames: [%s], rules: [%s]}", hostnames, rules))
}

// to are backendRefs that lead to a service.
func to(name string) string { return "backendRefs: [{name: " + name + ", port: 80}]" }

// told wants a problem at an object's field with a part in its message.
func told(t *testing.T, m *meshtest.Mesh, object, field, part string) {
	t.Helper()
	problems := m.Plane.Status().Problems
	for _, p := range problems {
		if p.Kind+"/"+p.Name == object && p.Field == field && strings.Contains(p.Message, part) && p.Line > 0 {
			return
		}
	}
	t.Errorf("nobody says %q of %s %s: %+v", part, object, field, problems)
}

// certificate is a Secret with a certificate of a name.
func certificate(t *testing.T, namespace, secret, name string) string {
	t.Helper()
	cert, key := issue(t, name)
	return fmt.Sprintf("---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: %s}\ntype: kubernetes.io/tls\ndata: {tls.crt: %s, tls.key: %s}\n",
		secret, namespace, base64.StdEncoding.EncodeToString(cert), base64.StdEncoding.EncodeToString(key))
}

// issue makes a certificate that nobody else signed, and its key, in PEM.
func issue(t *testing.T, name string) (certificate, private []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

package authz_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

func peers(namespace, name, spec string) string {
	return fmt.Sprintf("---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: %s, namespace: %s}\nspec: %s\n", name, namespace, spec)
}

// reach is in which ways ports of a workload can be reached: with mutual TLS and in plaintext.
type reach struct{ mtls, plain bool }

var (
	permissive = reach{true, true}
	strict     = reach{true, false}
	disabled   = reach{false, true}
)

// peerCases are PeerAuthentications and the ways that are left to the ports 8080 and 9000.
func peerCases() map[string]struct {
	yaml       string
	http, grpc reach
} {
	const server = `selector: {matchLabels: {app: server}}`
	meshStrict, meshOff := peers("istio-system", "default", `{mtls: {mode: STRICT}}`), peers("istio-system", "default", `{mtls: {mode: DISABLE}}`)
	return map[string]struct {
		yaml       string
		http, grpc reach
	}{
		"none":                           {"", permissive, permissive},
		"mesh":                           {meshStrict, strict, strict},
		"mesh, DISABLE":                  {meshOff, disabled, disabled},
		"namespace":                      {peers("default", "default", `{mtls: {mode: STRICT}}`), strict, strict},
		"namespace over mesh":            {meshStrict + peers("default", "default", `{mtls: {mode: PERMISSIVE}}`), permissive, permissive},
		"workload":                       {peers("default", "w", `{`+server+`, mtls: {mode: STRICT}}`), strict, strict},
		"workload over namespace":        {peers("default", "default", `{mtls: {mode: STRICT}}`) + peers("default", "w", `{`+server+`, mtls: {mode: DISABLE}}`), disabled, disabled},
		"another workload's":             {peers("default", "w", `{selector: {matchLabels: {app: other}}, mtls: {mode: STRICT}}`), permissive, permissive},
		"UNSET inherits from the mesh":   {meshStrict + peers("default", "default", `{mtls: {mode: UNSET}}`) + peers("default", "w", `{`+server+`}`), strict, strict},
		"UNSET without a parent":         {peers("default", "default", `{mtls: {mode: UNSET}}`), permissive, permissive},
		"port":                           {peers("default", "w", `{`+server+`, portLevelMtls: {8080: {mode: STRICT}}}`), strict, permissive},
		"port over workload":             {peers("default", "w", `{`+server+`, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}, 9000: {mode: PERMISSIVE}}}`), disabled, permissive},
		"port, UNSET":                    {meshStrict + peers("default", "w", `{`+server+`, portLevelMtls: {8080: {mode: UNSET}, 9000: {mode: DISABLE}}}`), strict, disabled},
		"ports of the service":           {peers("default", "w", `{`+server+`, portLevelMtls: {80: {mode: STRICT}}}`), permissive, permissive},
		"ports without a selector":       {peers("default", "default", `{mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}`), strict, strict},
		"selector in the root namespace": {peers("istio-system", "w", `{`+server+`, mtls: {mode: STRICT}}`), permissive, permissive},
		"another namespace's":            {peers("other", "default", `{mtls: {mode: STRICT}}`), permissive, permissive},
	}
}

// overTLS and overPlain make the client use mutual TLS, or none, whatever the server wants.
const (
	overTLS   = "\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: server, namespace: default}\nspec: {host: server.default.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}\n"
	overPlain = "\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: server, namespace: default}\nspec: {host: server.default.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}\n"
)

// TestPeerAuthentication sends plaintext and mutual TLS to ports at every level of policy.
func TestPeerAuthentication(t *testing.T) {
	meshtest.BothModes(t, map[string]string{"services.yaml": services}, members(), func(t *testing.T, m *meshtest.Traffic) {
		cases := peerCases()
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			c := cases[name]
			m.Case(name+" by mutual TLS", c.yaml+overTLS, func(t *testing.T) { reaches(t, m, c.http.mtls, c.grpc.mtls) })
			m.Case(name+" in plaintext", c.yaml+overPlain, func(t *testing.T) { reaches(t, m, c.http.plain, c.grpc.plain) })
			m.Case(name+" by itself", c.yaml, func(t *testing.T) { reaches(t, m, true, true) })
		}
	})
}

func reaches(t *testing.T, m *meshtest.Traffic, http, grpc bool) {
	t.Helper()
	for port, want := range map[string]bool{"80": http, "9000": grpc} {
		url := "http://server.default:" + port + "/"
		client := m.Client("client", url)
		envoytest.Eventually(t, url, func() error {
			a, err := meshtest.Try(client, meshtest.Request{URL: url})
			switch served := err == nil && a.Status < 500; {
			case served == want:
				return nil
			case err != nil:
				return err
			}
			return fmt.Errorf("%d %q: want it served: %v", a.Status, a.Body, want)
		})
	}
}

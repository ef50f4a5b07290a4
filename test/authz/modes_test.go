package authz_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// dryRun is a policy whose effect is only counted.
func dryRun(name, spec string) string {
	return policyOf("default", "{name: "+name+`, annotations: {istio.io/dry-run: "true"}}`, spec)
}

const hcm = "http.inbound_0.0.0.0_8080.rbac."

// TestDryRun: the counters tell what the policies would have done.
func TestDryRun(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services}, members())
	server := m.Member("server")
	counts := func(t *testing.T, name string, send func()) {
		t.Helper()
		before := server.Stat(name)
		send()
		server.WaitStat(name, before+1)
	}
	m.Case("DENY", dryRun("p", `{action: DENY, rules: [{to: [{operation: {paths: [/a], ports: ["8080"]}}]}]}`), func(t *testing.T) {
		counts(t, hcm+"istio_dry_run_deny_.shadow_denied", func() { tries(t, m, get("/a"), get("/a")) })
		counts(t, hcm+"istio_dry_run_deny_.shadow_allowed", func() { tries(t, m, get("/b")) })
	})
	m.Case("ALLOW", dryRun("p", `{rules: [{to: [{operation: {paths: [/a]}}]}]}`), func(t *testing.T) {
		counts(t, hcm+"istio_dry_run_allow_.shadow_denied", func() { tries(t, m, get("/b"), get("/b")) })
		counts(t, hcm+"istio_dry_run_allow_.shadow_allowed", func() { tries(t, m, get("/a")) })
	})
	m.Case("beside an enforced policy", policy("p", `{rules: [{to: [{operation: {paths: [/a, /b]}}]}]}`)+dryRun("q", `{rules: [{to: [{operation: {paths: [/a]}}]}]}`), func(t *testing.T) {
		tries(t, m, get("/a"), get("/b"), denied("/c"))
		counts(t, hcm+"istio_dry_run_allow_.shadow_denied", func() { tries(t, m, get("/b")) })
	})
	m.Case("neither true nor false", policyOf("default", "{name: p, annotations: {istio.io/dry-run: maybe}}", `{}`), func(t *testing.T) {
		tries(t, m, denied("/"))
		reported(t, m, `"maybe" is neither`)
	})
}

// TestAudit: what AUDIT matches is marked, and access logs can say so.
func TestAudit(t *testing.T) {
	const mesh = `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    accessLogFile: /dev/stdout
    accessLogFormat: "%REQ(:PATH)% audit=%DYNAMIC_METADATA(envoy.common:access_log_hint)%\n"
`
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services, "mesh.yaml": mesh}, members())
	m.Case("AUDIT", policy("p", `{action: AUDIT, rules: [{to: [{operation: {paths: [/audited], ports: ["8080"]}}]}]}`), func(t *testing.T) {
		logged := func(path, line string) {
			envoytest.Eventually(t, line, func() error {
				tries(t, m, get(path))
				if log := m.Member("server").Log.String(); !strings.Contains(log, line) {
					return errors.New("is not logged")
				}
				return nil
			})
		}
		logged("/audited", "/audited audit=true")
		logged("/other", "/other audit=false")
	})
}

// TestTrustDomains: a principal of the mesh's trust domain, or of cluster.local, means the aliases too.
func TestTrustDomains(t *testing.T) {
	const mesh = `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "trustDomainAliases: [old-td, older-td]"}
`
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services, "mesh.yaml": mesh}, members())
	for _, c := range []struct {
		principal string
		allowed   bool
	}{
		{"cluster.local/ns/default/sa/client", true}, {"old-td/ns/default/sa/client", true}, {"older-td/ns/default/sa/client", true},
		{"older-td/ns/default/sa/*", true}, {"*-td/ns/default/sa/client", true}, {"*/ns/default/sa/client", true}, {"other/ns/default/sa/client", false},
	} {
		m.Case(c.principal, all(fmt.Sprintf(`{rules: [{from: [{source: {principals: [%q]}}]}]}`, c.principal)), func(t *testing.T) {
			if c.allowed {
				tries(t, m, get("/"))
			} else {
				tries(t, m, denied("/"))
			}
		})
		m.Case("not "+c.principal, all(fmt.Sprintf(`{rules: [{from: [{source: {notPrincipals: [%q]}}]}]}`, c.principal)), func(t *testing.T) {
			if c.allowed {
				tries(t, m, denied("/"))
			} else {
				tries(t, m, get("/"))
			}
		})
	}
	m.Case("trustDomains", all(`{rules: [{from: [{source: {trustDomains: [older-td]}}]}]}`), func(t *testing.T) { tries(t, m, get("/")) })
}

// TestFaults: what Istio refuses opens no door.
func TestFaults(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services}, members())
	for _, c := range []struct{ name, rule, problem string }{
		{"range", `{from: [{source: {ipBlocks: [10.0.0.0/33]}}]}`, "neither an address nor a range"},
		{"negated range", `{from: [{source: {notIpBlocks: [10.0.0.0/33]}}]}`, "neither an address nor a range"},
		{"unknown key", `{when: [{key: source.port, values: ["1"]}]}`, "no attribute"},
		{"wildcard in a path", `{to: [{operation: {notPaths: ["/a/*/b"]}}]}`, "only at the start"},
		{"template", `{to: [{operation: {paths: ["/foo/{*}.txt"]}}]}`, "no segment"},
		{"wildcard in a principal", `{from: [{source: {notPrincipals: ["cluster.local/ns/*/sa/x"]}}]}`, "only at the start"},
		{"port", `{to: [{operation: {ports: [http]}}]}`, "no port"},
		{"empty source", `{from: [{source: {}}]}`, "nothing is asked for"},
		{"no values", `{when: [{key: source.ip}]}`, "values or notValues"},
		{"empty value", `{to: [{operation: {methods: [""]}}]}`, "must not be empty"},
	} {
		m.Case("ALLOW, "+c.name, all(`{rules: [`+c.rule+`]}`), func(t *testing.T) { tries(t, m, denied("/")); reported(t, m, c.problem) })
		m.Case("DENY, "+c.name, all(`{action: DENY, rules: [`+c.rule+`]}`), func(t *testing.T) { tries(t, m, denied("/")); reported(t, m, c.problem) })
	}
	const both = `selector: {matchLabels: {app: server}}, targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: x}]`
	m.Case("ALLOW, selector and targets", all(`{`+both+`, rules: [{}]}`), func(t *testing.T) { tries(t, m, denied("/")); reported(t, m, "exclude each other") })
	m.Case("DENY, selector and targets", all(`{action: DENY, `+both+`, rules: [{}]}`), func(t *testing.T) { tries(t, m, denied("/")); reported(t, m, "exclude each other") })
	m.Case("provider of an ALLOW", all(`{provider: {name: x}, rules: [{}]}`), func(t *testing.T) { tries(t, m, denied("/")); reported(t, m, "only a CUSTOM policy") })
}

func reported(t *testing.T, m *meshtest.Traffic, part string) {
	t.Helper()
	envoytest.Eventually(t, part, func() error {
		if m.Problem(part) == "" {
			return errors.New("no problem says so")
		}
		return nil
	})
}

// TestAccepted: Envoy refuses nothing of what passes for a value, however odd.
func TestAccepted(t *testing.T) {
	m := meshtest.Explicit(t, map[string]string{"services.yaml": services}, members())
	long := strings.Repeat("é*", 500)
	for _, rule := range []string{
		`{to: [{operation: {paths: ["/{**}", "/{*}", "/{**}/", "/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{**}/x"]}}]}`,
		`{to: [{operation: {paths: ["//{*}", "/{*}//", "///{**}///"]}}]}`,
		`{to: [{operation: {paths: ["/a%2F;=@/{*}", "/-._~%!$&'()+,;:@=/{**}"]}}]}`,
		`{to: [{operation: {paths: ["/` + strings.Repeat("a/", 120) + `{**}"]}}]}`,
		`{from: [{source: {namespaces: ["` + long + `", "(", "*"]}}]}`,
		`{from: [{source: {principals: ["*` + strings.Repeat("(", 2000) + `", "*"], trustDomains: ["(*", "*)"]}}]}`,
		`{from: [{source: {serviceAccounts: ["(/)"], requestPrincipals: ["*/", "/*", "/", "a/*b", "*a*"]}}]}`,
		`{from: [{source: {ipBlocks: ["::/0", "0.0.0.0/0", "10.1.2.3/8", "::ffff:10.0.0.1"]}}]}`,
		`{when: [{key: "request.headers[:path]", values: ["*"]}, {key: "request.headers[X]", notValues: ["*", "**", "a*"]}]}`,
		`{when: [{key: "request.auth.claims[a b][c.d]", values: ["*", "[", "**"]}, {key: "experimental.envoy.filters.http.x[]]", values: ["[]", "[*]", "[a"]}]}`,
		`{to: [{operation: {hosts: ["*"], methods: ["*"], ports: ["0"]}}]}`,
	} {
		m.Case(rule[:min(len(rule), 60)], all(`{rules: [`+rule+`, {}]}`), func(t *testing.T) { tries(t, m, get("/")) })
	}
}

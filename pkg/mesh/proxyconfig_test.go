package mesh

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

const proxyDefaults = `
defaultConfig:
  concurrency: 3
  drainDuration: 30s
  proxyMetadata: {A: mesh, B: mesh}
  runtimeValues: {a: "1"}
  proxyStatsMatcher: {inclusionPrefixes: [mesh], inclusionRegexps: [mesh]}
  gatewayTopology: {numTrustedProxies: 2, forwardClientCertDetails: SANITIZE}`

func TestProxyConfigMerge(t *testing.T) {
	s := build(t, meshYAML(strings.ReplaceAll(proxyDefaults, "\n", "\n    ")))
	plain, problems := s.ProxyConfig(sidecarIn("default"), "")
	if plain.Concurrency.GetValue() != 3 || plain.DrainDuration.GetSeconds() != 30 || plain.TerminationDrainDuration.GetSeconds() != 5 || len(problems) != 0 {
		t.Errorf("without annotation: %v, %v", plain, problems)
	}
	c, problems := s.ProxyConfig(sidecarIn("default"), `
concurrency: 0
terminationDrainDuration: 0s
proxyMetadata: {B: pod, C: pod}
runtimeValues: {b: "2"}
proxyStatsMatcher: {inclusionRegexps: [pod], inclusionSuffixes: [pod]}
gatewayTopology: {numTrustedProxies: 1}`)
	if len(problems) != 0 {
		t.Errorf("problems: %v", problems)
	}
	if c.Concurrency == nil || c.Concurrency.Value != 0 || c.DrainDuration.GetSeconds() != 30 || c.TerminationDrainDuration.GetSeconds() != 0 {
		t.Errorf("fields: %v", c)
	}
	if m := c.ProxyMetadata; m["A"] != "mesh" || m["B"] != "pod" || m["C"] != "pod" || c.RuntimeValues["a"] != "1" || c.RuntimeValues["b"] != "2" {
		t.Errorf("maps: %v", c)
	}
	m := c.ProxyStatsMatcher
	equal(t, "prefixes", m.InclusionPrefixes, []string{"mesh"})
	equal(t, "regexps", m.InclusionRegexps, []string{"pod"})
	equal(t, "suffixes", m.InclusionSuffixes, []string{"pod"})
	if c.GatewayTopology.NumTrustedProxies != 1 || c.GatewayTopology.ForwardClientCertDetails != 0 {
		t.Errorf("a message is replaced as a whole: %v", c.GatewayTopology)
	}
	if after := s.Config().Mesh.DefaultConfig; after.Concurrency.Value != 3 || len(after.ProxyMetadata) != 2 || len(after.ProxyStatsMatcher.InclusionSuffixes) != 0 {
		t.Errorf("the mesh's own was changed: %v", after)
	}
}

func TestProxyConfigProblems(t *testing.T) {
	s := build(t, meshYAML("defaultConfig: {concurrency: 3}"))
	p := sidecarIn("prod")
	p.Name = "web"
	for annotation, want := range map[string]string{
		"concurrency: many": "WorkloadEntry/prod/web: metadata.annotations[proxy.istio.io/config].concurrency: must be a whole number",
		"colour: red":       `unknown field "colour"`,
		"]":                 "metadata.annotations[proxy.istio.io/config]: ",
		"[]":                "metadata.annotations[proxy.istio.io/config]",
		"proxyStatsMatcher: {inclusionRegexps: [a, '(']}": "proxyStatsMatcher.inclusionRegexps[1]: is no regular expression",
	} {
		c, problems := s.ProxyConfig(p, annotation)
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%s: %v, want %q", annotation, problems, want)
		}
		if c.Concurrency.GetValue() != 3 {
			t.Errorf("%s: %v", annotation, c)
		}
	}
}

// A WorkloadGroup's annotation is reported where it is written, before any workload asks.
func TestProxyConfigOfAGroup(t *testing.T) {
	const text = `apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: web, namespace: prod}
spec:
  metadata:
    annotations:
      proxy.istio.io/config: |
        concurrency: many
  template: {}`
	s := build(t, text)
	got := messages(s)
	if len(got) != 1 || !strings.Contains(got[0], "concurrency: must be a whole number") {
		t.Errorf("problems: %q", got)
	}
	if at := s.Problems()[0].Position; at.Line != 8 {
		t.Errorf("position: %v", at)
	}
	s, change := apply(t, s, decode(t, strings.Replace(text, "many", "2", 1))...)
	if got := messages(s); len(got) != 0 || change.Full || len(change.Hosts) != 0 {
		t.Errorf("after the repair: %q, %+v", got, change)
	}
	s, _ = s.Apply(config.Batch{Deletes: []config.Key{{Kind: config.WorkloadGroup, Namespace: "prod", Name: "web"}}})
	if got := messages(s); len(got) != 0 {
		t.Errorf("after its end: %q", got)
	}
}

func TestMeshConfigWithABrokenExpression(t *testing.T) {
	s := build(t, meshYAML("defaultConfig: {proxyStatsMatcher: {inclusionRegexps: ['(']}}"))
	if got := messages(s); len(got) != 1 || !strings.Contains(got[0], "is no regular expression") {
		t.Errorf("problems: %q", got)
	}
}

func TestProxyConfigResources(t *testing.T) {
	resource := func(namespace, name, spec string) string {
		return "apiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec: " + spec + "\n---\n"
	}
	s := build(t, meshYAML("defaultConfig: {concurrency: 9, proxyMetadata: {A: mesh, B: mesh}}")+"\n---\n"+
		resource("istio-system", "root", "{concurrency: 1, environmentVariables: {B: root, C: root}}")+
		resource("istio-system", "root-selects", "{selector: {matchLabels: {app: web}}, concurrency: 8}")+
		resource("prod", "all", "{concurrency: 2, environmentVariables: {C: prod, D: prod, E: prod}, image: {imageType: debug}}")+
		resource("prod", "web", "{selector: {matchLabels: {app: web}}, concurrency: 3, environmentVariables: {E: web}}")+
		resource("test", "env", "{environmentVariables: {X: test}}"))
	web := sidecarIn("prod")
	web.Labels = map[string]string{"app": "web"}
	for _, c := range []struct {
		name        string
		proxy       Proxy
		annotation  string
		concurrency int32
		metadata    string
	}{
		{"root", sidecarIn("other"), "", 1, "A=mesh B=root C=root"},
		{"namespace", sidecarIn("prod"), "", 2, "A=mesh B=root C=prod D=prod E=prod"},
		{"field by field", sidecarIn("test"), "", 1, "A=mesh B=root C=root X=test"},
		{"selector", web, "", 3, "A=mesh B=root C=prod D=prod E=web"},
		{"annotation over the namespace", sidecarIn("prod"), "{concurrency: 5, proxyMetadata: {D: pod}}", 5, "A=mesh B=root C=prod D=pod E=prod"},
		{"annotation under the selector", web, "{concurrency: 5, proxyMetadata: {E: pod, F: pod}}", 3, "A=mesh B=root C=prod D=prod E=web F=pod"},
	} {
		got, problems := s.ProxyConfig(c.proxy, c.annotation)
		if text := strings.Trim(strings.ReplaceAll(fmt.Sprint(got.ProxyMetadata), ":", "="), "map[]"); text != c.metadata || got.Concurrency.GetValue() != c.concurrency || len(problems) > 0 {
			t.Errorf("%s: %d %q, %v; want %d %q", c.name, got.Concurrency.GetValue(), text, problems, c.concurrency, c.metadata)
		}
	}
	if len(s.NotEnforced()) != 0 {
		t.Errorf("not enforced: %v", s.NotEnforced())
	}
}

func TestOwnProxyConfigShapesTheScope(t *testing.T) {
	s := build(t, meshYAML("defaultConfig: {gatewayTopology: {numTrustedProxies: 1}, concurrency: 2}"))
	plain, agents, own := sidecarIn("prod"), sidecarIn("prod"), sidecarIn("prod")
	agents.Config = "concurrency: 7"
	own.Config = "gatewayTopology: {numTrustedProxies: 3}"
	if s.ScopeKey(plain) != s.ScopeKey(agents) || s.ScopeKey(plain) == s.ScopeKey(own) {
		t.Error("what concerns only the agent must not split a scope, and what shapes listeners must")
	}
	scope := s.Scope(s.ScopeKey(own), own)
	if got := scope.Config.Mesh.DefaultConfig; got.GatewayTopology.NumTrustedProxies != 3 || got.Concurrency.GetValue() != 2 {
		t.Errorf("own: %v", got)
	}
	if got := s.Scope(s.ScopeKey(plain), plain).Config; got != s.Config() {
		t.Errorf("plain: %v", got)
	}
	after, change := s.Apply(config.Batch{Upserts: decode(t, "apiVersion: v1\nkind: Service\nmetadata: {name: new, namespace: prod}\nspec: {ports: [{name: http, port: 80}]}")})
	if next := after.Rescope(scope, own, change); next.Config != scope.Config {
		t.Error("the configuration is another one though nothing of it changed")
	}
}

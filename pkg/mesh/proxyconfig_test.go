package mesh

import (
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

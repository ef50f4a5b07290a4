package values

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func file(text string) []File { return []File{{Name: "mesh.yaml", Data: []byte(text)}} }

func load(t *testing.T, o Options) Values {
	t.Helper()
	v, warnings, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	return v
}

// TestSpellings sets things in the ways of Istio's guides and of ours.
func TestSpellings(t *testing.T) {
	for set, want := range map[string]struct {
		path  string
		value any
	}{
		"values.defaultRevision=default":       {"defaultRevision", "default"},
		"values.global.hub=example.com/mesh":   {"global.hub", "example.com/mesh"},
		"hub=example.com/mesh":                 {"global.hub", "example.com/mesh"},
		"tag=1.20":                             {"global.tag", "1.20"},
		"global.tag=7":                         {"global.tag", "7"},
		"revision=canary":                      {"revision", "canary"},
		"meshConfig.accessLogFile=/dev/stdout": {"meshConfig.accessLogFile", "/dev/stdout"},
		"values.meshConfig.enableTracing=true": {"meshConfig.enableTracing", true},
		"meshConfig.defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE=true":  {"meshConfig.defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE", true},
		"meshConfig.extensionProviders[0].name=otel":                          {"meshConfig.extensionProviders", []any{map[string]any{"name": "otel"}}},
		"components.pilot.k8s.replicaCount=2":                                 {"pilot.replicaCount", 2},
		"components.pilot.k8s.hpaSpec.maxReplicas=9":                          {"pilot.autoscaleMax", 9},
		"components.pilot.k8s.resources.requests.cpu=1":                       {"pilot.resources.requests.cpu", 1},
		"pilot.resources.limits.memory=1Gi":                                   {"pilot.resources.limits.memory", "1Gi"},
		"values.pilot.autoscaleEnabled=false":                                 {"pilot.autoscaleEnabled", false},
		"pilot.rollingMaxUnavailable=25%":                                     {"pilot.rollingMaxUnavailable", "25%"},
		"pilot.env.GOGC=50":                                                   {"pilot.env.GOGC", 50},
		"pilot.nodeSelector.kubernetes\\.io/os=linux":                         {"pilot.nodeSelector", map[string]any{"kubernetes.io/os": "linux"}},
		"pilot.tolerations[0].key=edge":                                       {"pilot.tolerations", []any{map[string]any{"key": "edge"}}},
		"pilot.tolerations=[{key: edge}]":                                     {"pilot.tolerations", []any{map[string]any{"key": "edge"}}},
		"revisionTags={prod,stage}":                                           {"revisionTags", []any{"prod", "stage"}},
		"global.proxy.excludeIPRanges=10.0.0.0/8,172.16.0.0/12":               {"global.proxy.excludeIPRanges", "10.0.0.0/8,172.16.0.0/12"},
		"values.gateways.istio-ingressgateway.type=NodePort":                  {"gateways.istio-ingressgateway.type", "NodePort"},
		"global.proxy.lifecycle.preStop.sleep.seconds=5":                      {"global.proxy.lifecycle.preStop.sleep.seconds", 5},
		"sidecarInjectorWebhook.neverInjectSelector[0].matchLabels.job=batch": {"sidecarInjectorWebhook.neverInjectSelector", []any{map[string]any{"matchLabels": map[string]any{"job": "batch"}}}},
	} {
		t.Run(set, func(t *testing.T) {
			v := load(t, Options{Sets: []string{set}})
			if diff := cmp.Diff(want.value, get(v.Tree, want.path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func gatewaysOf(v Values) (out []string) {
	for _, g := range v.Gateways {
		out = append(out, g.Component+" "+g.Namespace+"/"+g.Name)
	}
	return out
}

func TestGateways(t *testing.T) {
	const own = `
components:
  ingressGateways:
  - name: istio-ingressgateway
    enabled: false
  - name: edge
    enabled: true
    namespace: edge
    label: {istio: edge}
    k8s:
      serviceAnnotations: {a: b}
      service: {type: NodePort, ports: [{name: http, port: 80, targetPort: 8080}]}
      strategy: {rollingUpdate: {maxSurge: 1}}
      env: [{name: A, value: b}]
      hpaSpec: {minReplicas: 2, maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]}
values: {gateways: {istio-ingressgateway: {loadBalancerIP: 10.0.0.9}}}
`
	for name, c := range map[string]struct {
		Options
		want []string
	}{
		"default": {Options{}, []string{"IngressGateways istio-system/istio-ingressgateway"}},
		"minimal": {Options{Profile: "minimal"}, nil},
		"demo": {Options{Profile: "demo", Namespace: "mesh"},
			[]string{"IngressGateways mesh/istio-ingressgateway", "EgressGateways mesh/istio-egressgateway"}},
		"by place": {Options{Profile: "minimal", Sets: []string{"components.ingressGateways[0].enabled=true", "components.ingressGateways[0].namespace=edge"}},
			[]string{"IngressGateways edge/istio-ingressgateway"}},
		"own": {Options{Files: file(own)}, []string{"IngressGateways edge/edge"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, gatewaysOf(load(t, c.Options))); diff != "" {
				t.Error(diff)
			}
		})
	}
	g := load(t, Options{Files: file(own)}).Gateways[0].Values
	for path, want := range map[string]any{
		"labels.istio": "edge", "service.type": "NodePort", "service.loadBalancerIP": "10.0.0.9", "service.annotations.a": "b", "env.A": "b",
		"strategy.rollingUpdate.maxSurge": "1", "autoscaling.minReplicas": 2, "autoscaling.maxReplicas": 3, "autoscaling.targetCPUUtilizationPercentage": 60,
		"serviceAccount.name": "edge-service-account",
	} {
		if got := get(g, path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

// TestLayers has later sources count more, null take away, and flags go between files and settings.
func TestLayers(t *testing.T) {
	o := Options{
		Profile: "demo",
		Files: []File{
			{Name: "a.yaml", Data: []byte("profile: minimal\nrevision: a\npilot: {replicaCount: 2, resources: {requests: {cpu: 1}}}\n")},
			{Name: "b.yaml", Data: []byte("values: {pilot: {replicaCount: 3, resources: {requests: {memory: null}}}}\n---\nhub: b.example.com\n")},
		},
		Revision: "flag", Sets: []string{"values.pilot.replicaCount=4", "pilot.replicaCount=5"},
	}
	v := load(t, o)
	if v.Profile != "demo" || v.Revision != "flag" || get(v.Tree, "global.hub") != "b.example.com" || get(v.Tree, "pilot.replicaCount") != 5 {
		t.Errorf("%s, %s, %v", v.Profile, v.Revision, v.Tree["pilot"])
	}
	if diff := cmp.Diff(map[string]any{"cpu": 1}, get(v.Tree, "pilot.resources.requests")); diff != "" {
		t.Error(diff)
	}
	o.Sets = append(o.Sets, "profile=ha", "revision=default")
	if v = load(t, o); v.Profile != "ha" || v.Revision != "" {
		t.Errorf("%s, %q", v.Profile, v.Revision)
	}
}

// TestReplicasThatWereAskedForStay has the autoscaler keep them.
func TestReplicasThatWereAskedForStay(t *testing.T) {
	v := load(t, Options{Sets: []string{"components.pilot.k8s.replicaCount=7"}})
	if get(v.Tree, "pilot.autoscaleMin") != 7 || get(v.Tree, "pilot.autoscaleMax") != 7 {
		t.Error(v.Tree["pilot"])
	}
}

func TestFormerComponentsAreMeshd(t *testing.T) {
	v, warnings, err := Load(Options{Files: file(`apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {namespace: mesh}
spec:
  components:
    pilot: {k8s: {resources: {requests: {cpu: 500m, memory: 100Mi}}}}
    citadel: {enabled: true, k8s: {resources: {requests: {cpu: 250m, memory: 1Gi}}}}
    galley: {enabled: false}
`)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"cpu": "500m", "memory": "1Gi"}, get(v.Tree, "pilot.resources.requests")); diff != "" {
		t.Error(diff)
	}
	var text []string
	for _, w := range warnings {
		text = append(text, w.String())
	}
	want := []string{
		"mesh.yaml:7:14: spec.components.citadel: is part of meshd (pilot); of each resource it gets the largest request of both",
		"mesh.yaml:8:13: spec.components.galley: is part of meshd (pilot), which cannot do without it",
	}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}
	if v.Namespace != "mesh" {
		t.Errorf("namespace %s", v.Namespace)
	}
}

// TestProfilesCanBeGivenBack loads what a profile shows.
func TestProfilesCanBeGivenBack(t *testing.T) {
	for _, name := range Profiles() {
		v := load(t, Options{Profile: name})
		text, err := yaml.Marshal(v.Operator())
		if err != nil {
			t.Fatal(err)
		}
		again := load(t, Options{Profile: "minimal", Files: file(string(text))})
		again.Profile = name
		withoutNulls(v.Tree) // null takes a value away
		withoutNulls(again.Tree)
		for i := range v.Gateways {
			withoutNulls(v.Gateways[i].Values)
		}
		if diff := cmp.Diff(v, again); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if Describe(name) == "" || strings.Contains(Describe(name), "#") {
			t.Errorf("%s: %q", name, Describe(name))
		}
	}
}

func withoutNulls(tree map[string]any) {
	for k, v := range tree {
		if v == nil {
			delete(tree, k)
		}
		if inner, ok := v.(map[string]any); ok {
			withoutNulls(inner)
		}
	}
}

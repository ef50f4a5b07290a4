package values

import (
	"slices"
	"strings"
	"testing"
)

// TestRefusedSettings wants one line of what is wrong, where, and what may have been meant.
func TestRefusedSettings(t *testing.T) {
	for set, want := range map[string]string{
		"pilot.replicCount=2":                        "pilot.replicCount: there is no such setting; did you mean pilot.replicaCount?",
		"values.pilot.replicCount=2":                 "values.pilot.replicCount: there is no such setting; did you mean values.pilot.replicaCount?",
		"replicaCount=2":                             "replicaCount: there is no such setting; did you mean pilot.replicaCount?",
		"profil=demo":                                "profil: there is no such setting; did you mean profile?",
		"zzzzzz=1":                                   "zzzzzz: there is no such setting",
		"meshConfig.accesLogFile=x":                  `meshConfig.accesLogFile: unknown field "accesLogFile"; did you mean accessLogFile?`,
		"meshConfig.defaultConfig.concurrency=many":  "meshConfig.defaultConfig.concurrency: ",
		"pilot.autoscaleEnabled=ja":                  `pilot.autoscaleEnabled: must be true or false, and is "ja"`,
		"pilot.replicaCount=two":                     `pilot.replicaCount: must be a whole number, and is "two"`,
		"pilot=2":                                    "pilot: must be a mapping",
		"pilot.image={a,b}":                          `pilot.image: must be a single value, such as "meshd"`,
		"revisionTags=prod":                          "revisionTags: must be a list",
		"pilot[0]=2":                                 "pilot: must be a mapping",
		"components.pilot.k8s.replicasCount=2":       "components.pilot.k8s.replicasCount: there is no such setting; did you mean components.pilot.k8s.replicaCount?",
		"components.pilott.enabled=true":             "components.pilott: there is no such component; did you mean components.pilot?",
		"components.cni.enabled=true":                "components.cni: is not supported: traffic is redirected by an init container, not by a CNI plugin",
		"components.ingressGateways[4].enabled=true": "components.ingressGateways[4]: there is no gateway at this place; give its name, or count from [0]",
		"components.ingressGateways.enabled=true":    "components.ingressGateways: must be a list of gateways",
		"components.pilot.k8s.securityContext=x":     "components.pilot.k8s.securityContext: is not supported: ",
		"components.base.k8s.replicaCount=1":         "components.base.k8s: the component has no workload to set this for",
		"values.pilot.traceSampling=3":               "values.pilot.traceSampling: is not supported: set meshConfig.defaultConfig.tracing.sampling",
		"values.gateways.istio-ingressgateway.secretVolumes[0].name=x": "values.gateways.istio-ingressgateway.secretVolumes: is not supported: ",
		"values.ztunnel.x=1":                   "values.ztunnel: is not supported: there is no ambient mode: pods get sidecars",
		"revision=Not_A_Name":                  `revision "Not_A_Name": `,
		"revisionTags={Prod}":                  `revisionTags "Prod": `,
		"namespace=a.b":                        `namespace "a.b": `,
		"noequals":                             "--set noequals: must be PATH=VALUE, for example pilot.replicaCount=2",
		"=x":                                   "--set =x: must be PATH=VALUE",
		"a..b=x":                               `--set a..b=x: a name in the path is empty`,
		"a[x]=1":                               "--set a[x]=1: [x] must be the number of an entry, from [0]",
		"a[0=1":                                "--set a[0=1: the path has a [ without ]",
		"a[99999999]=1":                        "must be the number of an entry",
		"pilot.nodeSelector={a: b":             "the value is no YAML",
		"profile=nope":                         `there is no profile "nope"; there are default, demo, ha, minimal`,
		"profile=../default":                   "give a file with -f",
		"components.pilot.hub=x.example.com=1": "",
	} {
		_, _, err := Load(Options{Sets: []string{set}})
		switch {
		case want == "" && err != nil:
			t.Errorf("--set %s: %v", set, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("--set %s: %v, want %s", set, err, want)
		case want != "" && strings.Contains(err.Error(), "\n"):
			t.Errorf("--set %s: more than a line: %v", set, err)
		}
	}
}

// TestRefusedFiles wants the place of what is wrong.
func TestRefusedFiles(t *testing.T) {
	for text, want := range map[string]string{
		"pilot:\n  replicCount: 2\n": "mesh.yaml:2:3: pilot.replicCount: there is no such setting; did you mean pilot.replicaCount?",
		"meshConfig:\n  accessLogFile: x\n  defaultConfig:\n    concurency: 2\n":                                                                   `mesh.yaml:4:17: meshConfig.defaultConfig.concurency: unknown field "concurency"; did you mean concurrency?`,
		"pilot:\n  env: {A: 1}\n  env: {B: 1}\n":                                                                                                   "mesh.yaml:3:3: pilot.env: is there twice; the second one would silently win",
		"apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec:\n  pilot: {}\n":                                                         "mesh.yaml:4:3: spec.pilot: there is no such setting; did you mean spec.values.pilot?",
		"apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nprofile: demo\n":                                                              "mesh.yaml:3:1: profile: an IstioOperator has no such field; its settings are in spec",
		"apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec:\n  components:\n    pilot:\n      k8s:\n        volumes: [{name: x}]\n": "mesh.yaml:7:9: spec.components.pilot.k8s.volumes: is not supported; add volumes by overlays",
		"apiVersion: v1\nkind: ConfigMap\n":                                                                                                        "mesh.yaml:1:1: is v1 ConfigMap: a file for an installation holds",
		"- a\n":                                                                                                                                    "mesh.yaml:1:1: must be a mapping: Helm values, or an IstioOperator resource",
		"a: [\n":                                                                                                                                   "mesh.yaml: ",
		"unvalidatedValues: {a: 1}\n":                                                                                                              "mesh.yaml:1:1: unvalidatedValues: is for templates of one's own",
		"components: {base: {enabled: false}, pilot: {enabled: false}, ingressGateways: [{enabled: false}]}\n": "nothing is enabled",
	} {
		_, _, err := Load(Options{Files: file(text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestAllProblemsAtOnce names every fault of every source.
func TestAllProblemsAtOnce(t *testing.T) {
	_, _, err := Load(Options{Files: file("pilot: {a: 1, b: 2}\n"), Sets: []string{"c=1"}})
	if err == nil || strings.Count(err.Error(), "there is no such setting") != 3 {
		t.Error(err)
	}
}

func TestWarnings(t *testing.T) {
	_, warnings, err := Load(Options{
		Files: file("values:\n  global: {variant: distroless}\n  pilot: {env: {PILOT_ENABLE_X: \"true\", GOGC: \"50\"}}\n  telemetry: {v2: {enabled: true}}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}
	want := []string{
		"mesh.yaml:2:12: values.global.variant: changes nothing: images hold a proxy or a control plane and nothing else; there are no variants",
		"mesh.yaml:3:17: values.pilot.env.PILOT_ENABLE_X: meshd does not read PILOT_ENABLE_X; it is set by meshConfig and by arguments (meshd --help)",
		"mesh.yaml:4:3: values.telemetry: changes nothing: standard metrics are always there; change them by Telemetry resources",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestAliasesAreBounded(t *testing.T) {
	text := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 8 {
		last, next := string(rune('a'+i)), string(rune('b'+i))
		text += next + ": &" + next + " [" + strings.Repeat("*"+last+",", 9) + "*" + last + "]\n"
	}
	if _, _, err := Load(Options{Files: file(text)}); err == nil || !strings.Contains(err.Error(), "aliases") {
		t.Error(err)
	}
}

// FuzzLoad has no input crash or hang it.
func FuzzLoad(f *testing.F) {
	f.Add("pilot: {replicaCount: 2}\n", "meshConfig.extensionProviders[0].name=x")
	f.Add("apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {components: {citadel: {k8s: {resources: {requests: {cpu: x}}}}}}\n", "components.ingressGateways[0].k8s.env[0].name=a")
	f.Add("components: {pilot: {k8s: {overlays: [{kind: a, name: b, patches: [{path: c}]}], hpaSpec: {metrics: [1]}}}}\n", "pilot.tolerations=[{a: b}]")
	f.Add("<<: &a {pilot: {}}\nmeshConfig: *a\n", "a\\.b[1].c={x,y}")
	f.Fuzz(func(_ *testing.T, text, set string) {
		_, _, _ = Load(Options{Files: file(text), Sets: []string{set}})
	})
}

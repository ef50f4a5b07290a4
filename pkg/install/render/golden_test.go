package render

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/pkg/install/values"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden renders profiles and features. The components that a feature does not touch are left out; the definitions of resources always.
func TestGolden(t *testing.T) {
	cases := map[string]struct {
		values.Options
		only []string
	}{
		"minimal":    {Options: values.Options{Profile: "minimal", Sets: []string{"base.enableCRDTemplates=false"}}},
		"default":    {values.Options{}, []string{values.IngressGateways}},
		"demo":       {values.Options{Profile: "demo"}, []string{values.Pilot, values.EgressGateways}},
		"ha":         {values.Options{Profile: "ha"}, []string{values.Pilot, values.IngressGateways}},
		"revision":   {values.Options{Revision: "canary", Sets: []string{"revisionTags={prod,default}", "defaultRevision=canary"}}, []string{values.Pilot}},
		"namespace":  {values.Options{Namespace: "mesh"}, []string{values.Pilot}},
		"kube-1.29":  {values.Options{Profile: "ha", KubeVersion: "v1.29.3"}, []string{values.Pilot}},
		"operator":   {values.Options{Files: []values.File{{Name: "operator.yaml", Data: []byte(operator)}}}, []string{values.Pilot, values.IngressGateways}},
		"everywhere": {values.Options{Sets: []string{"sidecarInjectorWebhook.enableNamespacesByDefault=true", "global.configValidation=false"}}, []string{values.Pilot}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.Sets = append(c.Sets, "hub=meshctl.io", "tag=v1.0.0")
			v, _, err := values.Load(c.Options)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := Write(&out, v, c.only...); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.String())
		})
	}
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		if _, ok := cases[strings.TrimSuffix(filepath.Base(file), ".yaml")]; ok {
			continue
		}
		if *update {
			os.Remove(file)
			continue
		}
		t.Errorf("%s belongs to no test", file)
	}
}

const operator = `apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh, namespace: istio-system}
spec:
  meshConfig:
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  components:
    pilot:
      k8s:
        replicaCount: 2
        resources: {requests: {cpu: 250m, memory: 300Mi}}
        hpaSpec: {minReplicas: 2, maxReplicas: 4}
        overlays:
        - kind: Deployment
          name: istiod
          patches:
          - path: spec.template.spec.containers.[name:discovery].args.[:--log-level=info]
          - path: spec.template.spec.containers.[name:discovery].args[-1]
            value: --log-level=debug
          - path: spec.template.metadata.annotations.example\.com/team
            value: mesh
    ingressGateways:
    - name: istio-ingressgateway
      label: {zone: public}
      k8s:
        service:
          type: NodePort
          ports:
          - {name: http2, port: 80, targetPort: 8080, nodePort: 30080}
        nodeSelector: {edge: "true"}
  values:
    global: {proxy: {logLevel: info}}
`

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), rewrite with -update:\n%s", path, diff)
	}
}

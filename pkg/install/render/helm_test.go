package render

import (
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
)

// helm renders a chart as `helm install` does: Helm's loader, its merging of values, and its check against the chart's schema.
func helm(t *testing.T, chart string, values map[string]any) (map[string]string, error) {
	t.Helper()
	c, err := loader.LoadDir("../../../manifests/charts/" + chart)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	kube, err := common.ParseKubeVersion(newestKube)
	if err != nil {
		t.Fatal(err)
	}
	top, err := util.ToRenderValues(c, values, common.ReleaseOptions{Name: "istio-ingress", Namespace: "mesh", IsInstall: true, Revision: 1},
		&common.Capabilities{KubeVersion: *kube})
	if err != nil {
		return nil, err
	}
	return engine.Render(c, top)
}

// TestChartsWorkWithHelm renders each chart with its own defaults and nothing else.
func TestChartsWorkWithHelm(t *testing.T) {
	for chart, want := range map[string][]string{
		"base":    {"CustomResourceDefinition virtualservices.networking.istio.io", "ClusterRole istio-reader-clusterrole-mesh"},
		"istiod":  {"Deployment istiod", "MutatingWebhookConfiguration istio-sidecar-injector-mesh", "ValidatingWebhookConfiguration istio-validator-mesh"},
		"gateway": {"Deployment istio-ingress", "Service istio-ingress", "ServiceAccount istio-ingress"},
	} {
		texts, err := helm(t, chart, nil)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for file, text := range texts {
			if strings.HasSuffix(file, "NOTES.txt") {
				if !strings.Contains(text, "in mesh") && !strings.Contains(text, "-n mesh") {
					t.Errorf("%s does not name the namespace:\n%s", file, text)
				}
				continue
			}
			objects, err := Decode(text)
			if err != nil {
				t.Fatal(file, err)
			}
			for _, o := range objects {
				found[o.GetKind()+" "+o.GetName()] = true
				by := o.GetLabels()["app.kubernetes.io/managed-by"]
				if o.GetKind() != "CustomResourceDefinition" && by != "Helm" {
					t.Errorf("%s %s is managed by %q", o.GetKind(), o.GetName(), by)
				}
			}
		}
		for _, name := range want {
			if !found[name] {
				t.Errorf("chart %s: no %s in %v", chart, name, found)
			}
		}
	}
}

func TestSchemasRefuseWhatThereIsNot(t *testing.T) {
	for chart, values := range map[string]map[string]any{
		"istiod":  {"pilot": map[string]any{"replicas": 2}},
		"gateway": {"service": map[string]any{"kind": "NodePort"}},
	} {
		if _, err := helm(t, chart, values); err == nil {
			t.Errorf("chart %s takes %v", chart, values)
		}
	}
	if _, err := helm(t, "istiod", map[string]any{"global": map[string]any{"tag": 1.2}, "pilot": map[string]any{"rollingMaxUnavailable": "25%"}}); err != nil {
		t.Error(err)
	}
}

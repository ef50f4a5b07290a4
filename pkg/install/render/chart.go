package render

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/internal/version"
	"github.com/meshctl/meshctl/manifests"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// newestKube is the Kubernetes release that is rendered for when nothing is known of the cluster.
const newestKube = "v1.36.0"

// oldestKube is the oldest release that the charts can be installed on.
const oldestKube = 29

type renderer struct {
	capabilities *common.Capabilities
	upgrade      bool
}

func newRenderer(v values.Values) (*renderer, error) {
	text := v.KubeVersion
	if text == "" {
		text = newestKube
	}
	version, err := common.ParseKubeVersion(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no version of Kubernetes, such as %s", text, newestKube)
	}
	var minor int
	if _, err := fmt.Sscanf(version.Minor, "%d", &minor); version.Major == "1" && err == nil && minor < oldestKube {
		return nil, fmt.Errorf("Kubernetes %s is too old: 1.%d or later is needed", text, oldestKube) //nolint:staticcheck // a name
	}
	return &renderer{&common.Capabilities{KubeVersion: *version}, v.Upgrade}, nil
}

// loadChart reads a chart as far as rendering needs it: without the definitions of resources, which need no rendering.
func loadChart(name string) (*chart.Chart, error) {
	root := "charts/" + name
	metadata, err := fs.ReadFile(manifests.FS, root+"/Chart.yaml")
	if err != nil {
		return nil, err
	}
	c := &chart.Chart{Metadata: &chart.Metadata{}}
	if err := yaml.Unmarshal(metadata, c.Metadata); err != nil {
		return nil, fmt.Errorf("%s/Chart.yaml: %w", root, err)
	}
	c.Metadata.AppVersion = version.String()
	defaults, err := fs.ReadFile(manifests.FS, root+"/values.yaml")
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(defaults, &c.Values); err != nil {
		return nil, fmt.Errorf("%s/values.yaml: %w", root, err)
	}
	files, err := fs.ReadDir(manifests.FS, root+"/templates")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Name() == "NOTES.txt" || f.Name() == "crds.yaml" {
			continue
		}
		data, err := fs.ReadFile(manifests.FS, path.Join(root, "templates", f.Name()))
		if err != nil {
			return nil, err
		}
		c.Templates = append(c.Templates, &common.File{Name: "templates/" + f.Name(), Data: data})
	}
	return c, nil
}

// objects renders one chart.
func (r *renderer) objects(name string, c Component, namespace string, tree map[string]any) ([]*unstructured.Unstructured, error) {
	chart, err := loadChart(name)
	if err != nil {
		return nil, err
	}
	release := c.Gateway
	if release == "" {
		release = name
	}
	texts, err := engine.Render(chart, common.Values{
		"Values":       over(chart.Values, tree),
		"Capabilities": r.capabilities,
		"Release": map[string]any{
			"Name": release, "Namespace": namespace, "Service": ManagedBy, "Revision": 1, "IsInstall": !r.upgrade, "IsUpgrade": r.upgrade,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("chart %s: %w", name, err)
	}
	var all []*unstructured.Unstructured
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		if !strings.HasSuffix(file, ".yaml") {
			continue
		}
		objects, err := Decode(texts[file])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, objects...)
	}
	return sorted(all), nil
}

// over lays values over a chart's defaults as Helm does: mappings are merged, null takes a value away.
func over(defaults, tree map[string]any) map[string]any {
	out := maps.Clone(defaults)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range tree {
		inner, isMap := v.(map[string]any)
		old, was := out[k].(map[string]any)
		switch {
		case v == nil:
			delete(out, k)
		case isMap && was:
			out[k] = over(old, inner)
		default:
			out[k] = v
		}
	}
	return out
}

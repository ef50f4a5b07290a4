package workloads

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func configMaps() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "configmaps",
		Doc:   "ConfigMaps that look like configuration of the mesh and that nothing reads",
		Codes: []codes.Code{codes.UnreadConfigMap},
		Kinds: []config.Kind{config.ConfigMap},
		Run: func(p *analyze.Pass) {
			meant := meantForMesh()
			for _, o := range p.All(config.ConfigMap) {
				cm, ok := o.Spec.(*corev1.ConfigMap)
				if !ok || isRead(p, o.Key) {
					continue
				}
				for _, key := range slices.Sorted(maps.Keys(cm.Data)) {
					if fields := meant(cm.Data[key]); len(fields) >= 2 || len(fields) == 1 && namesMesh(o.Key.Name, key) {
						reportUnread(p, o, key, fields)
						break
					}
				}
			}
		},
	}
}

// isRead reports whether something reads a ConfigMap of that name: the mesh's own, and those that Istio's installation makes.
func isRead(p *analyze.Pass, key config.Key) bool {
	if key.Namespace != p.Config().SystemNamespace {
		return false
	}
	return key.Name == config.MeshConfigName || strings.HasPrefix(key.Name, config.MeshConfigName+"-") && key.Name != "istio-proxy-config" && key.Name != "istio-mesh-config" ||
		strings.HasPrefix(key.Name, injectorConfigMap) || key.Name == "values"
}

// namesMesh reports whether the names alone say that a mesh is meant.
func namesMesh(name, key string) bool {
	text := strings.ToLower(name + " " + key)
	return strings.Contains(text, "istio") || strings.Contains(text, "meshconfig") || strings.Contains(text, "proxyconfig")
}

// meantForMesh returns a function that lists the fields of MeshConfig or ProxyConfig that a text sets at its top, when it
// sets nothing else there.
func meantForMesh() func(text string) []string {
	mesh := (&meshconfig.MeshConfig{}).ProtoReflect().Descriptor().Fields()
	proxy := (&meshconfig.ProxyConfig{}).ProtoReflect().Descriptor().Fields()
	return func(text string) []string {
		var fields map[string]any
		if !strings.Contains(text, ":") || yaml.Unmarshal([]byte(text), &fields) != nil {
			return nil
		}
		var out []string
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if mesh.ByJSONName(name) == nil && proxy.ByJSONName(name) == nil {
				return nil
			}
			out = append(out, name)
		}
		return out
	}
}

func reportUnread(p *analyze.Pass, o *config.Object, key string, fields []string) {
	system := p.Config().SystemNamespace
	p.Report(analyze.Finding{
		Code: codes.UnreadConfigMap, Object: o, Field: "metadata.name",
		Message: fmt.Sprintf("nothing reads this ConfigMap, though its key %s looks like configuration of the mesh (%s)", key, strings.Join(fields, ", ")),
		Fix: fmt.Sprintf("for all proxies: ConfigMap %s in namespace %s, key %s, under defaultConfig; for some: a ProxyConfig resource (apiVersion networking.istio.io/v1beta1)",
			config.MeshConfigName, system, config.MeshConfigKey),
	})
}

package workloads

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

func configMaps() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "configmaps",
		Doc:   "ConfigMaps that look like configuration of the mesh and that nothing reads",
		Codes: []codes.Code{codes.UnreadConfigMap},
		Kinds: append(analyze.WorkloadKinds(), config.ConfigMap, config.Namespace),
		Run: func(p *analyze.Pass) {
			look := newLook()
			for _, o := range p.All(config.ConfigMap) {
				cm, ok := o.Spec.(*corev1.ConfigMap)
				if !ok {
					continue
				}
				for _, key := range slices.Sorted(maps.Keys(cm.Data)) {
					if isRead(p, o.Key, key) {
						continue
					}
					if fields := look.fields(o.Key.Name, key, cm.Data[key]); len(fields) > 0 && !usedByPods(p, o) {
						reportUnread(p, o, key, fields)
						break
					}
				}
			}
		},
	}
}

// isRead reports whether a control plane reads a key of a ConfigMap: its own mesh configuration, that of a revision, and what its
// installation writes for the injector.
func isRead(p *analyze.Pass, object config.Key, key string) bool {
	if object.Namespace != p.Config().SystemNamespace {
		return false
	}
	if object.Name == config.MeshConfigName || strings.HasPrefix(object.Name, config.MeshConfigName+"-") {
		return key == config.MeshConfigKey || key == config.MeshNetworksKey || strings.HasPrefix(object.Name, inject.ConfigMapName)
	}
	return object.Name == "values" || strings.HasPrefix(object.Name, "values-")
}

// look tells mesh configuration by its looks.
type look struct {
	// fields of MeshConfig and ProxyConfig.
	known map[string]bool
}

func newLook() look {
	l := look{map[string]bool{}}
	for _, m := range []proto.Message{&meshconfig.MeshConfig{}, &meshconfig.ProxyConfig{}} {
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			l.known[fields.Get(i).JSONName()], l.known[fields.Get(i).TextName()] = true, true
		}
	}
	return l
}

// most bounds the text that is looked at; a mesh's configuration is shorter by far.
const most = 256 << 10

// fields lists the fields of MeshConfig or ProxyConfig that a text sets, if they show that it is meant as one: most of its fields are, and
// either the names of the ConfigMap and its key say so as well, or there is a field that nothing else has.
func (l look) fields(name, key, text string) []string {
	named := namesMesh(name, key)
	if len(text) > most || !named && !strings.Contains(text, "\n") {
		return nil
	}
	if !named && !slices.ContainsFunc(telling(), func(field string) bool { return strings.Contains(text, field) }) {
		return nil
	}
	var all map[string]any
	if yaml.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	if inner, ok := all["meshConfig"].(map[string]any); ok && len(all) == 1 {
		all = inner
	}
	var out []string
	told := named
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if l.known[field] {
			out = append(out, field)
			told = told || slices.Contains(telling(), field)
		}
	}
	if !told || 2*len(out) < len(all) {
		return nil
	}
	return out
}

// telling are fields whose names occur in no other configuration.
func telling() []string {
	return []string{
		"defaultConfig", "proxyMetadata", "proxyStatsMatcher", "holdApplicationUntilProxyStarts", "outboundTrafficPolicy", "enableAutoMtls", "meshMTLS",
		"extensionProviders", "defaultServiceExportTo", "defaultVirtualServiceExportTo", "defaultDestinationRuleExportTo", "localityLbSetting",
		"h2UpgradePolicy", "enablePrometheusMerge", "discoverySelectors", "trustDomainAliases", "protocolDetectionTimeout", "terminationDrainDuration",
	}
}

// namesMesh reports whether the names alone say that the configuration of a mesh or of its proxies is meant.
func namesMesh(name, key string) bool {
	plain := strings.NewReplacer("-", "", "_", "", ".", "")
	key = plain.Replace(strings.ToLower(key))
	for _, word := range []string{"meshconfig", "proxyconfig", "defaultconfig"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return key == config.MeshConfigKey && strings.Contains(strings.ToLower(name), "istio")
}

// usedByPods reports whether some pod of the ConfigMap's namespace, or the control plane by its SHARED_MESH_CONFIG, reads it after all.
func usedByPods(p *analyze.Pass, o *config.Object) bool {
	for _, w := range analyze.AllWorkloads(p).Selected(o.Key.Namespace, nil) {
		if w.Pod != nil && podReads(&w.Pod.Spec, o.Key.Name) {
			return true
		}
	}
	return false
}

func podReads(spec *corev1.PodSpec, name string) bool {
	for _, v := range spec.Volumes {
		if v.ConfigMap != nil && v.ConfigMap.Name == name {
			return true
		}
		if v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool { return s.ConfigMap != nil && s.ConfigMap.Name == name }) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(spec.InitContainers, spec.Containers), func(c corev1.Container) bool {
		for _, e := range c.Env {
			if e.Name == "SHARED_MESH_CONFIG" && e.Value == name || e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil && e.ValueFrom.ConfigMapKeyRef.Name == name {
				return true
			}
		}
		return slices.ContainsFunc(c.EnvFrom, func(f corev1.EnvFromSource) bool { return f.ConfigMapRef != nil && f.ConfigMapRef.Name == name })
	})
}

func reportUnread(p *analyze.Pass, o *config.Object, key string, fields []string) {
	system := p.Config().SystemNamespace
	p.Report(analyze.Finding{
		Code: codes.UnreadConfigMap, Object: o, Field: "data[" + key + "]",
		Message: fmt.Sprintf("nothing reads this, although it looks like configuration of the mesh (%s): it has no effect", few(fields)),
		Fix: fmt.Sprintf("for all proxies: ConfigMap %s in namespace %s, key %s, what concerns proxies under defaultConfig there; for some: a ProxyConfig resource (apiVersion networking.istio.io/v1beta1)",
			config.MeshConfigName, system, config.MeshConfigKey),
	})
}

package inject

import (
	"cmp"
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// ConfigMapName is the name of the ConfigMap that an injector reads; that of a revision has "-" and the revision appended.
const ConfigMapName = "istio-sidecar-injector"

// ConfigMapOf is the name of the ConfigMap of a revision's injector. "" and "default" are the same.
func ConfigMapOf(revision string) string {
	if revision == "" || revision == "default" {
		return ConfigMapName
	}
	return ConfigMapName + "-" + revision
}

// Injector is what a ConfigMap tells an injector, as far as it matters for judging what it does.
type Injector struct {
	Policy Policy
	// Image is that of the proxies it injects; empty when the ConfigMap does not say.
	Image string
	// Variant is what is appended to Image's tag, such as "distroless"; often empty.
	Variant string
	// Cluster is the name of the cluster in which it injects; empty when it has none of its own.
	Cluster string
}

// ReadInjector reads an injector's ConfigMap: the key "values" (JSON, what it was installed with) and the key "config" (YAML). A key that
// is missing or cannot be read says nothing.
func ReadInjector(cm *corev1.ConfigMap) Injector {
	var values Values
	var config injectorConfig
	if json.Unmarshal([]byte(cm.Data["values"]), &values) != nil {
		values = Values{}
	}
	if yaml.Unmarshal([]byte(cm.Data["config"]), &config) != nil {
		config = injectorConfig{}
	}
	return Injector{
		Policy: Policy{
			ByDefault: values.Webhook.ByDefault, Disabled: config.Policy == "disabled",
			Never: config.Never, Always: config.Always,
		},
		Image: values.image(), Variant: values.Global.Variant, Cluster: values.Global.MultiCluster.ClusterName,
	}
}

// image joins hub, name and tag, unless the name is a whole image already.
func (v Values) image() string {
	name, tag := v.Global.Proxy.Image, string(v.Global.Tag)
	switch {
	case strings.Contains(name, "/"):
		return name
	case v.Global.Hub == "" || tag == "":
		return ""
	default:
		return v.Global.Hub + "/" + cmp.Or(name, "proxyv2") + ":" + tag
	}
}

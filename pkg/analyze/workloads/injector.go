package workloads

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

// injectorConfigMap is the name of the ConfigMap with the injector's values; those of a revision have its name appended.
const injectorConfigMap = "istio-sidecar-injector"

// values are those of the injector's that the analyzers judge by.
type values struct {
	Global struct {
		Hub   string `json:"hub"`
		Tag   any    `json:"tag"`
		Proxy struct {
			Image string `json:"image"`
		} `json:"proxy"`
	} `json:"global"`
	Webhook struct {
		EnableNamespacesByDefault bool `json:"enableNamespacesByDefault"`
	} `json:"sidecarInjectorWebhook"`
}

// injectors is the fact of the values of every injector in the system namespace, by the name of its ConfigMap.
var injectors = analyze.NewFact(func(p *analyze.Pass) map[string]*values {
	out := map[string]*values{}
	for _, o := range p.All(config.ConfigMap) {
		cm, ok := o.Spec.(*corev1.ConfigMap)
		if !ok || o.Key.Namespace != p.Config().SystemNamespace || !strings.HasPrefix(o.Key.Name, injectorConfigMap) {
			continue
		}
		v := &values{}
		if json.Unmarshal([]byte(cm.Data["values"]), v) == nil {
			out[o.Key.Name] = v
		}
	}
	return out
})

// injectorValues returns the values of the injector of a revision, nil when they are not known.
func injectorValues(p *analyze.Pass, revision string) *values {
	name := injectorConfigMap
	if revision != "" && revision != "default" {
		name += "-" + revision
	}
	return injectors.Of(p)[name]
}

// image is what the injector gives to pods; empty when the values do not say.
func (v *values) image() string {
	proxy := v.Global.Proxy.Image
	tag, _ := v.Global.Tag.(string)
	switch {
	case strings.Contains(proxy, "/"):
		return proxy
	case proxy == "" || v.Global.Hub == "" || tag == "":
		return ""
	default:
		return v.Global.Hub + "/" + proxy + ":" + tag
	}
}

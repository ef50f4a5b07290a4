package inject

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Settings are what an injector puts into pods: the two keys of its ConfigMap.
type Settings struct {
	Policy Policy
	// Templates are those of pods that name none; "sidecar" when empty.
	Templates []string
	// Annotations are put on every injected pod.
	Annotations map[string]string
	Values      Values
}

// Values are those of the chart's values that injection reads. Names and meaning are Istio's.
type Values struct {
	Global   Global  `json:"global"`
	Webhook  Webhook `json:"sidecarInjectorWebhook"`
	Revision string  `json:"revision"`
}

// Global are the values below "global".
type Global struct {
	Hub              string   `json:"hub"`
	Tag              Text     `json:"tag"`
	Variant          string   `json:"variant"`
	ImagePullPolicy  string   `json:"imagePullPolicy"`
	ImagePullSecrets []string `json:"imagePullSecrets"`
	Logging          struct {
		Level string `json:"level"`
	} `json:"logging"`
	// IstioNamespace is the system namespace.
	IstioNamespace string `json:"istioNamespace"`
	MeshID         string `json:"meshID"`
	Network        string `json:"network"`
	CAAddress      string `json:"caAddress"`
	MultiCluster   struct {
		ClusterName string `json:"clusterName"`
	} `json:"multiCluster"`
	Proxy     ProxyValues `json:"proxy"`
	ProxyInit struct {
		Image     string                      `json:"image"`
		Resources corev1.ResourceRequirements `json:"resources"`
	} `json:"proxy_init"`
}

// ProxyValues are the values below "global.proxy".
type ProxyValues struct {
	Image                        string                      `json:"image"`
	AutoInject                   string                      `json:"autoInject"`
	ClusterDomain                string                      `json:"clusterDomain"`
	LogLevel                     string                      `json:"logLevel"`
	ComponentLogLevel            string                      `json:"componentLogLevel"`
	IncludeIPRanges              string                      `json:"includeIPRanges"`
	ExcludeIPRanges              string                      `json:"excludeIPRanges"`
	IncludeInboundPorts          Text                        `json:"includeInboundPorts"`
	ExcludeInboundPorts          Text                        `json:"excludeInboundPorts"`
	IncludeOutboundPorts         Text                        `json:"includeOutboundPorts"`
	ExcludeOutboundPorts         Text                        `json:"excludeOutboundPorts"`
	Privileged                   bool                        `json:"privileged"`
	HoldApplication              bool                        `json:"holdApplicationUntilProxyStarts"`
	StatusPort                   Text                        `json:"statusPort"`
	ReadinessInitialDelaySeconds int32                       `json:"readinessInitialDelaySeconds"`
	ReadinessPeriodSeconds       int32                       `json:"readinessPeriodSeconds"`
	ReadinessFailureThreshold    int32                       `json:"readinessFailureThreshold"`
	StartupProbe                 StartupProbe                `json:"startupProbe"`
	Lifecycle                    *corev1.Lifecycle           `json:"lifecycle"`
	Resources                    corev1.ResourceRequirements `json:"resources"`
}

// StartupProbe are the values below "global.proxy.startupProbe".
type StartupProbe struct {
	Enabled          bool  `json:"enabled"`
	FailureThreshold int32 `json:"failureThreshold"`
}

// Webhook are the values below "sidecarInjectorWebhook".
type Webhook struct {
	ByDefault           bool `json:"enableNamespacesByDefault"`
	RewriteAppHTTPProbe bool `json:"rewriteAppHTTPProbe"`
}

// Text is a value that people also write as a number: a tag, a port.
type Text string

// UnmarshalJSON takes texts and numbers.
func (t *Text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = Text(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(data, &n); err != nil {
		return fmt.Errorf("%s is neither a text nor a number", data)
	}
	*t = Text(n.String())
	return nil
}

// injectorConfig is the key "config" of an injector's ConfigMap.
type injectorConfig struct {
	Policy      string                 `json:"policy"`
	Never       []metav1.LabelSelector `json:"neverInjectSelector"`
	Always      []metav1.LabelSelector `json:"alwaysInjectSelector"`
	Annotations map[string]string      `json:"injectedAnnotations"`
	Templates   []string               `json:"defaultTemplates"`
}

// DefaultSettings hold where nothing is said, with images of a hub ("meshctl.io") and a tag.
func DefaultSettings(hub, tag string) Settings {
	var v Values
	g := &v.Global
	g.Hub, g.Tag, g.ImagePullPolicy, g.IstioNamespace = hub, Text(tag), string(corev1.PullIfNotPresent), "istio-system"
	g.MultiCluster.ClusterName = "Kubernetes"
	p := &g.Proxy
	p.Image, p.AutoInject, p.ClusterDomain, p.LogLevel = proxyImage, "enabled", "cluster.local", "warning"
	p.IncludeIPRanges, p.IncludeInboundPorts = "*", "*"
	p.ReadinessPeriodSeconds, p.ReadinessFailureThreshold = 15, 4
	p.StartupProbe = StartupProbe{Enabled: true, FailureThreshold: 600}
	p.Resources = defaultResources()
	v.Webhook.RewriteAppHTTPProbe = true
	return Settings{Values: v}
}

// ReadSettings reads the keys "config" (YAML) and "values" (JSON or YAML) of an injector's ConfigMap. What they do not say is as in
// defaults; the error names the key.
func ReadSettings(defaults Settings, config, values string) (Settings, error) {
	out := defaults
	if values != "" {
		data, err := yaml.YAMLToJSON([]byte(values))
		if err == nil {
			out.Values.Global.Proxy.Resources = corev1.ResourceRequirements{}
			err = json.Unmarshal(data, &out.Values)
		}
		if err != nil {
			return Settings{}, fmt.Errorf("values: %w", err)
		}
	}
	var c injectorConfig
	if err := yaml.Unmarshal([]byte(config), &c); err != nil {
		return Settings{}, fmt.Errorf("config: %w", err)
	}
	switch policy := cmp.Or(c.Policy, out.Values.Global.Proxy.AutoInject); policy {
	case "", "enabled":
	case "disabled":
		out.Policy.Disabled = true
	default:
		return Settings{}, fmt.Errorf("config: policy: %q is neither enabled nor disabled", policy)
	}
	out.Policy.ByDefault = out.Values.Webhook.ByDefault
	out.Policy.Never, out.Policy.Always = c.Never, c.Always
	out.Annotations, out.Templates = c.Annotations, c.Templates
	return out, nil
}

// logLevel reads Istio's "default:info" too.
func (g Global) agentLevel() string {
	level := g.Logging.Level
	if _, own, scoped := strings.Cut(level, ":"); scoped {
		level = own
	}
	return level
}

package translate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	httpwasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	networkwasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/wasm/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	wasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	extensions "istio.io/api/extensions/v1alpha1"
	typev1beta1 "istio.io/api/type/v1beta1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/mesh/credentials"
)

const (
	wasmRuntime = "envoy.wasm.runtime.v8"
	// fetchTimeout bounds one attempt of the agent to fetch a module.
	fetchTimeout = 30 * time.Second
)

// ExtensionInput is what the configuration of one extension depends on.
type ExtensionInput struct {
	// Object is a WasmPlugin or a TrafficExtension.
	Object *config.Object
}

// ExtensionConfig returns the configuration of an extension for the agent, nil when the object is not in force. Its module is named by
// its URL, which Envoy could not fetch; variables of the machine tell the agent how, in the way of Istio's (see agentapi), and the agent
// takes them away.
func ExtensionConfig(in ExtensionInput) *corev3.TypedExtensionConfig {
	e, _ := mesh.ExtensionOf(in.Object)
	if e == nil {
		return nil
	}
	out := &corev3.TypedExtensionConfig{Name: ExtensionName(e)}
	switch {
	case e.Wasm == nil:
		out.TypedConfig = pack(&luav3.Lua{DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: e.Lua}}})
	case e.Network():
		out.TypedConfig = pack(&networkwasmv3.Wasm{Config: plugin(e)})
	default:
		out.TypedConfig = pack(&httpwasmv3.Wasm{Config: plugin(e)})
	}
	return out
}

func plugin(e *mesh.Extension) *wasmv3.PluginConfig {
	out := &wasmv3.PluginConfig{
		Name: e.Object.Key.Namespace + "." + e.Object.Key.Name, RootId: e.Wasm.GetPluginName(),
		Vm: &wasmv3.PluginConfig_VmConfig{VmConfig: &wasmv3.VmConfig{
			Runtime: wasmRuntime, EnvironmentVariables: environment(e),
			Code: &corev3.AsyncDataSource{Specifier: &corev3.AsyncDataSource_Remote{Remote: &corev3.RemoteDataSource{
				HttpUri: &corev3.HttpUri{
					Uri: e.URL, HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: "_"}, Timeout: durationpb.New(fetchTimeout),
				},
				Sha256: cmp.Or(e.Wasm.GetSha256(), agentapi.WasmAnyDigest),
			}}},
		}},
	}
	if len(e.Wasm.GetPluginConfig().GetFields()) > 0 {
		out.Configuration = pack(wrapperspb.String(compact(e.Wasm.GetPluginConfig())))
	}
	switch e.Wasm.GetFailStrategy() {
	case extensions.FailStrategy_FAIL_OPEN:
		out.FailurePolicy = wasmv3.FailurePolicy_FAIL_OPEN
	case extensions.FailStrategy_FAIL_RELOAD:
		out.FailurePolicy = wasmv3.FailurePolicy_FAIL_RELOAD
	default:
		out.FailurePolicy = wasmv3.FailurePolicy_FAIL_CLOSED
	}
	return out
}

// compact is a plugin's configuration as JSON: equal configurations give equal text.
func compact(s *structpb.Struct) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s.AsMap()) // maps, lists, texts, booleans, and numbers that came from JSON or YAML
	return strings.TrimSpace(b.String())
}

// environment are the variables of a plugin, and those for the agent.
func environment(e *mesh.Extension) *wasmv3.EnvironmentVariables {
	out := &wasmv3.EnvironmentVariables{KeyValues: map[string]string{}}
	for _, v := range e.Wasm.GetVmConfig().GetEnv() {
		if v.GetValueFrom() == extensions.EnvValueSource_HOST {
			out.HostEnvKeys = append(out.HostEnvKeys, v.GetName())
		} else {
			out.KeyValues[v.GetName()] = v.GetValue()
		}
	}
	if pullAlways(e) {
		out.KeyValues[agentapi.WasmPolicy] = agentapi.WasmPullAlways
		out.KeyValues[agentapi.WasmVersion] = fmt.Sprintf("%x", e.Object.Digest)
	}
	if name := PullSecretName(e); name != "" {
		out.KeyValues[agentapi.WasmPullSecret] = name
	}
	return out
}

// pullAlways: by default, of images only the tag latest is looked for again.
func pullAlways(e *mesh.Extension) bool {
	if e.Wasm.GetSha256() != "" || strings.Contains(e.URL, "@sha256:") {
		return false
	}
	switch e.Wasm.GetImagePullPolicy() {
	case extensions.PullPolicy_Always:
		return true
	case extensions.PullPolicy_IfNotPresent:
		return false
	default:
		return strings.HasPrefix(e.URL, "oci://") && strings.HasSuffix(e.URL, ":latest")
	}
}

// PullSecretName is the name of the resource with the credentials for an extension's image, "" when it needs none.
func PullSecretName(e *mesh.Extension) string {
	if name := pullSecret(e); name != "" {
		return CredentialPrefix + e.Object.Key.Namespace + "/" + name
	}
	return ""
}

// PullSecretKey names the Secret with the credentials for an extension's image; zero when it needs none.
func PullSecretKey(e *mesh.Extension) config.Key {
	if name := pullSecret(e); name != "" {
		return config.Key{Kind: config.Secret, Namespace: e.Object.Key.Namespace, Name: name}
	}
	return config.Key{}
}

func pullSecret(e *mesh.Extension) string {
	if !strings.HasPrefix(e.URL, "oci://") {
		return ""
	}
	return CredentialName(e.Wasm.GetImagePullSecret())
}

// PullSecretInput is what the credentials for images depend on.
type PullSecretInput struct {
	// Name as PullSecretName gives it.
	Name string
	// Secret is of type kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg.
	Secret *config.Object
}

// PullSecret returns the credentials as a Docker configuration file (JSON), or nil with a problem that names no content.
func PullSecret(in PullSecretInput) (proto.Message, []config.Problem) {
	notes := &problems{object: in.Secret.Key}
	data := credentials.Value(in.Secret, corev1.DockerConfigJsonKey)
	if old := credentials.Value(in.Secret, corev1.DockerConfigKey); data == nil && old != nil {
		data = append(append([]byte(`{"auths":`), old...), '}')
	}
	var file struct {
		Auths map[string]json.RawMessage `json:"auths"`
	}
	if json.Unmarshal(data, &file) != nil || len(file.Auths) == 0 {
		notes.fail("data", "no credentials for image registries", "make it with kubectl create secret docker-registry")
		return nil, notes.list
	}
	return &tlsv3.Secret{Name: in.Name, Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: inline(data)}}}, nil
}

// PortsAtProxy warns of an extension for what programs send to certain ports, at an explicit sidecar: its HTTP proxy is one listener for
// all ports.
func PortsAtProxy(o *config.Object) []config.Problem {
	notes := &problems{object: o.Key}
	e, _ := mesh.ExtensionOf(o)
	if e == nil || e.Network() {
		return nil
	}
	for i, m := range e.Match {
		if len(m.GetPorts()) > 0 && m.GetMode() != typev1beta1.WorkloadMode_SERVER {
			notes.warn(field("spec.match", i)+".ports", "requests through the HTTP proxy of a sidecar that intercepts nothing do not pass the extension: the proxy has one listener for all ports",
				"leave ports out, or have programs use the local port of the service")
		}
	}
	return notes.list
}

package translate

import (
	"strings"
	"testing"

	httprbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	httpwasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	networkrbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/config"
)

// The agent's stand-ins are written without their types; here they are read with them.
func TestStandInsAreWhatTheySay(t *testing.T) {
	for open, want := range map[bool]int{true: 0, false: 1} {
		network := &networkrbacv3.RBAC{}
		if err := agentapi.StandIn("x", true, open).UnmarshalTo(network); err != nil || network.ValidateAll() != nil {
			t.Errorf("%v: %v", err, network.ValidateAll())
		}
		if rules := network.GetRules(); (rules != nil) != (want == 1) || len(rules.GetPolicies()) > 0 || network.GetStatPrefix() == "" {
			t.Errorf("open %t: %v", open, network)
		}
	}
	http := &httprbacv3.RBAC{}
	if err := agentapi.StandIn("x", false, true).UnmarshalTo(http); err != nil || http.GetRules() != nil {
		t.Errorf("%v %v", http, err)
	}
}

func TestExtensionConfigTellsTheAgent(t *testing.T) {
	objects, problems := config.Decode("x.yaml", strings.NewReader(`
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: x, namespace: n}
spec:
  url: registry.example.com/x:v1
  imagePullPolicy: Always
  imagePullSecret: pull
  vmConfig: {env: [{name: A, value: b}, {name: C, valueFrom: HOST}]}
`))
	if len(objects) != 1 {
		t.Fatal(problems)
	}
	got := ExtensionConfig(ExtensionInput{Object: objects[0]})
	wasm := &httpwasmv3.Wasm{}
	if err := got.GetTypedConfig().UnmarshalTo(wasm); err != nil || wasm.ValidateAll() != nil {
		t.Fatal(err, wasm.ValidateAll())
	}
	variables := wasm.GetConfig().GetVmConfig().GetEnvironmentVariables()
	values := variables.GetKeyValues()
	if values["A"] != "b" || values[agentapi.WasmPolicy] != "Always" || values[agentapi.WasmPullSecret] != "kubernetes://n/pull" || len(values[agentapi.WasmVersion]) != 32 {
		t.Errorf("variables %v", values)
	}
	if hosts := variables.GetHostEnvKeys(); len(hosts) != 1 || hosts[0] != "C" {
		t.Errorf("of the host: %v", hosts)
	}
	if uri := wasm.GetConfig().GetVmConfig().GetCode().GetRemote().GetHttpUri().GetUri(); uri != "oci://registry.example.com/x:v1" {
		t.Errorf("from %s", uri)
	}
	if again := ExtensionConfig(ExtensionInput{Object: objects[0]}); !proto.Equal(got, again) {
		t.Error("differs from time to time")
	}
}

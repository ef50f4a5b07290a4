package gatewaydeploy_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/internal/gatewaydeploy"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func deployments(t *testing.T, text string) []gatewaydeploy.Deployment {
	t.Helper()
	objects, problems := config.Decode("in.yaml", strings.NewReader(text))
	for _, p := range problems {
		t.Fatal(p)
	}
	m := mesh.Build(config.Set{}.With(config.Batch{Upserts: objects}), mesh.Options{})
	return gatewaydeploy.Of(gatewaydeploy.Input{
		Mesh: m, Settings: inject.DefaultSettings("example.com", "v1"), Revision: "default", Mine: func(rev string) bool { return rev == "default" },
	})
}

// TestGolden shows what is deployed for the files in testdata.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		for _, d := range deployments(t, string(text)) {
			fmt.Fprintf(&out, "# %s/%s\n", d.Gateway.Namespace, d.Gateway.Name)
			for _, line := range append([]string{d.Problem}, d.Warnings...) {
				if line != "" {
					fmt.Fprintf(&out, "# %s\n", line)
				}
			}
			for _, u := range d.Objects {
				data, err := yaml.Marshal(u)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&out, "---\n%s", data)
			}
		}
		golden := strings.TrimSuffix(file, ".in.yaml") + ".golden.yaml"
		if *update {
			if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(want, out.Bytes()) {
			t.Errorf("%s: %v; it is\n%s", golden, err, out.Bytes())
		}
	}
}

const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop, uid: u1%s}
spec: {gatewayClassName: %s, listeners: [{name: http, port: 80, protocol: HTTP}]%s}
`

func TestWhichGateways(t *testing.T) {
	for name, c := range map[string]struct {
		meta, class, spec, more string
		found, objects          bool
	}{
		"of the class":            {"", "istio", "", "", true, true},
		"an address of an IP":     {"", "istio", ", addresses: [{value: 192.0.2.1}]", "", true, true},
		"deployed by hand":        {"", "istio", ", addresses: [{type: Hostname, value: gw}]", "", true, false},
		"of no class":             {"", "other", "", "", false, false},
		"of another controller":   {"", "istio", "", class("istio", "example.com/other"), false, false},
		"of another class":        {"", "edge", "", class("edge", "istio.io/gateway-controller"), true, true},
		"of another revision":     {", labels: {istio.io/rev: canary}", "istio", "", "", false, false},
		"of another's namespace":  {"", "istio", "", namespace("canary"), false, false},
		"of ours, in another's":   {", labels: {istio.io/rev: default}", "istio", "", namespace("canary"), true, true},
		"with an impossible name": {", annotations: {gateway.istio.io/name-override: a.b}", "istio", "", "", true, false},
	} {
		got := deployments(t, fmt.Sprintf(gateway, c.meta, c.class, c.spec)+c.more)
		if len(got) > 0 != c.found || c.found && len(got[0].Objects) > 0 != c.objects {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func class(name, controller string) string {
	return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: " + name + "}\nspec: {controllerName: " + controller + "}\n"
}

func namespace(revision string) string {
	return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/rev: " + revision + "}}\n"
}

// TestPatchesStayWithinTheGateway: who may write a ConfigMap must not reach what is not the Gateway's with it.
func TestPatchesStayWithinTheGateway(t *testing.T) {
	const patch = `metadata:
      name: elsewhere
      namespace: kube-system
      labels: {gateway.networking.k8s.io/gateway-name: other, gateway.istio.io/managed: nobody, mine: "1"}
      ownerReferences: [{apiVersion: v1, kind: Pod, name: x, uid: x}]
      finalizers: [example.com/forever]
    kind: Pod`
	text := fmt.Sprintf(gateway, "", "istio", ", infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: p}}") +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: p, namespace: shop}\ndata:\n  serviceAccount: |\n    " + patch + "\n"
	for _, u := range deployments(t, text)[0].Objects {
		labels := u.GetLabels()
		if u.GetNamespace() != "shop" || u.GetName() != "edge-istio" || labels["gateway.networking.k8s.io/gateway-name"] != "edge" ||
			labels[gatewaydeploy.ManagedLabel] != gatewaydeploy.Managed || len(u.GetOwnerReferences()) != 1 || u.GetOwnerReferences()[0].UID != "u1" ||
			len(u.GetFinalizers()) > 0 || u.GetKind() == "Pod" || u.GetKind() == "ServiceAccount" && labels["mine"] != "1" {
			t.Errorf("%+v", u.Object["metadata"])
		}
	}
}

func TestBadParameters(t *testing.T) {
	for want, more := range map[string]string{
		"there is no ConfigMap shop/p":              "",
		"ConfigMap shop/p, key deployment: ":        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: p, namespace: shop}\ndata: {deployment: 'spec: ['}\n",
		"ConfigMap shop/p, key service: ":           "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: p, namespace: shop}\ndata: {service: 'spec: {ports: 3}'}\n",
		"ConfigMap shop/p, key podDisruptionBudget": "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: p, namespace: shop}\ndata: {podDisruptionBudget: 'text'}\n",
	} {
		text := fmt.Sprintf(gateway, "", "istio", ", infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: p}}") + more
		if d := deployments(t, text)[0]; !strings.Contains(d.Problem, want) || len(d.Objects) > 0 {
			t.Errorf("%q: %q with %d objects", want, d.Problem, len(d.Objects))
		}
	}
}

// TestStampTellsGatewaysApart also when one has taken the place of another in the same second.
func TestStampTellsGatewaysApart(t *testing.T) {
	stamp := func(text string) config.Digest {
		objects, _ := config.Decode("in.yaml", strings.NewReader(text))
		return gatewaydeploy.Stamp(config.Set{}.With(config.Batch{Upserts: objects}))
	}
	first := fmt.Sprintf(gateway, "", "istio", "")
	if again := stamp(first); again != stamp(first) || stamp(first) == stamp(strings.Replace(first, "u1", "u2", 1)) || stamp(first) == stamp(strings.Replace(first, "80", "81", 1)) {
		t.Error("one stamp for two Gateways")
	}
}

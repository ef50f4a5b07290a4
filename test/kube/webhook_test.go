package kube_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/internal/webhook"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const hooks = `apiVersion: v1
kind: Namespace
metadata: {name: hooked, labels: {istio-injection: enabled, pod-security.kubernetes.io/enforce: privileged}}
---
apiVersion: v1
kind: Namespace
metadata: {name: hooked-restricted, labels: {istio-injection: enabled, pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector-hooked, labels: {istio.io/rev: default}}
webhooks:
- name: namespace.sidecar-injector.istio.io
  clientConfig: {url: "URL/inject/cluster/c1/net/n1", caBundle: CA}
  sideEffects: None
  admissionReviewVersions: [v1]
  reinvocationPolicy: IfNeeded
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
  namespaceSelector:
    matchExpressions:
    - {key: istio-injection, operator: In, values: [enabled]}
    - {key: kubernetes.io/metadata.name, operator: In, values: [hooked, hooked-restricted]}
  objectSelector: {matchExpressions: [{key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: istio-validator-hooked}
webhooks:
- name: validation.istio.io
  clientConfig: {url: "URL/validate", caBundle: CA}
  sideEffects: None
  admissionReviewVersions: [v1]
  rules: [{operations: [CREATE, UPDATE], apiGroups: [security.istio.io, networking.istio.io, telemetry.istio.io], apiVersions: ["*"], resources: ["*"]}]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: hooked}}
`

// hooked makes the API server ask our webhooks about two namespaces, for as long as the test runs.
func hooked(t *testing.T) dynamic.Interface {
	t.Helper()
	m := mesh.Build(config.Set{}, mesh.Options{})
	server := httptest.NewTLSServer(webhook.Handler(webhook.Options{
		Settings: func() (inject.Settings, error) { return inject.DefaultSettings("example.com", "v1"), nil },
		Mesh:     func() *mesh.Snapshot { return m },
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	text := strings.NewReplacer("URL", server.URL, "CA}", base64.StdEncoding.EncodeToString(ca)+"}").Replace(hooks)
	if err := shared.Apply(t.Context(), []byte(text)); err != nil {
		t.Fatal(err)
	}
	c, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		group := schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"}
		for resource, name := range map[string]string{
			"mutatingwebhookconfigurations": "istio-sidecar-injector-hooked", "validatingwebhookconfigurations": "istio-validator-hooked",
		} {
			if err := client.Resource(group.WithResource(resource)).Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}
	})
	return client
}

// create creates an object of YAML. The API server learns of webhooks a moment after they are stored: until the first one has answered,
// what is to be refused or changed is tried as a dry run.
func create(t *testing.T, client dynamic.Interface, resource schema.GroupVersionResource, text string, dryRun bool) (*unstructured.Unstructured, error) {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: object}
	o := metav1.CreateOptions{}
	if dryRun {
		o.DryRun = []string{metav1.DryRunAll}
	}
	return client.Resource(resource).Namespace(u.GetNamespace()).Create(t.Context(), u, o)
}

// until asks again until done finds nothing wrong.
func until(t *testing.T, done func() error) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(10 * time.Second)
	for err := done(); err != nil; err = done() {
		select {
		case <-deadline:
			t.Fatal(err)
		case <-ticker.C:
		}
	}
}

const hookedPod = `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: NAMESPACE, labels: {app: web}, annotations: {ANNOTATIONS}},
  spec: {serviceAccountName: default, containers: [{name: web, image: example.com/web, readinessProbe: {httpGet: {path: /, port: 8080}},
  securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 1000, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}}]}}`

func podOf(name, namespace, annotations string) string {
	return strings.NewReplacer("NAMESPACE", namespace, "NAME", name, "ANNOTATIONS", annotations).Replace(hookedPod)
}

func TestPodsAreInjected(t *testing.T) {
	client := hooked(t)
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	until(t, func() error {
		u, err := create(t, client, pods, podOf("probe", "hooked", ""), true)
		if err == nil && !strings.Contains(fmt.Sprint(u.Object), inject.ProxyContainer) {
			return errors.New("the API server does not ask the webhook")
		}
		return err
	})
	for _, c := range []struct{ name, namespace, annotations string }{
		{"native", "hooked", ""},
		{"classic", "hooked", "sidecar.istio.io/nativeSidecar: 'false'"},
		// Redirection needs NET_ADMIN, which the restricted level forbids; the proxy itself passes.
		{"restricted", "hooked-restricted", "sidecar.istio.io/interceptionMode: NONE"},
		{"restricted-classic", "hooked-restricted", "sidecar.istio.io/interceptionMode: NONE, sidecar.istio.io/nativeSidecar: 'false'"},
	} {
		if _, err := create(t, client, pods, podOf(c.name, c.namespace, c.annotations), false); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		stored, err := client.Resource(pods).Namespace(c.namespace).Get(t.Context(), c.name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(stored.Object)
		for _, want := range []string{"name:istio-proxy", "--cluster-id=c1", "topology.istio.io/network:n1", "/app-health/web/readyz", inject.StatusAnnotation} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %s in %s", c.name, want, text)
			}
		}
	}
	_, err := create(t, client, pods, podOf("wrong", "hooked", "sidecar.istio.io/proxyCPU: lots"), false)
	if err == nil || !strings.Contains(err.Error(), `pod hooked/wrong cannot be injected: annotation sidecar.istio.io/proxyCPU: "lots" is no amount such as 100m or 128Mi`) {
		t.Errorf("a wrong annotation: %v", err)
	}
	run := meshctl(t, nil, "check", "inject", "native", "-n", "hooked", "--kubeconfig", admin(t))
	if run.code != 0 || !strings.Contains(run.out, "namespace hooked has label istio-injection=enabled") {
		t.Errorf("check inject: exit %d\n%s%s", run.code, run.out, run.errOut)
	}
}

func TestConfigurationIsValidated(t *testing.T) {
	client := hooked(t)
	telemetries := schema.GroupVersionResource{Group: "telemetry.istio.io", Version: "v1", Resource: "telemetries"}
	// The schema of the definition lets it through; the proxy could never use it.
	bad := `{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: tags, namespace: hooked},
  spec: {metrics: [{providers: [{name: prometheus}], overrides: [{match: {metric: REQUEST_COUNT}, tagOverrides: {id: {value: "%{REQUEST_ID}"}}}]}]}}`
	good := strings.Replace(bad, "%{REQUEST_ID}", "request.id", 1)
	var err error
	until(t, func() error {
		if _, err = create(t, client, telemetries, bad, true); err == nil {
			return errors.New("the API server does not ask the webhook")
		}
		return nil
	})
	if want := "error MSH0506: spec.metrics[0].overrides[0].tagOverrides[id].value: "; !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), want) {
		t.Errorf("bad: %v, want %s", err, want)
	}
	if _, err := create(t, client, telemetries, good, false); err != nil {
		t.Errorf("good: %v", err)
	}
}

package install_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/pkg/install"
	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/render"
)

// objects reads YAML documents; every object gets the labels of what is rendered.
func objects(t *testing.T, component, text string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, doc := range strings.Split(text, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		labels := map[string]string{"app.kubernetes.io/managed-by": "meshctl", "operator.istio.io/component": component}
		for k, v := range u.GetLabels() {
			labels[k] = v
		}
		u.SetLabels(labels)
		out = append(out, u)
	}
	return out
}

const smallBase = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.mesh.test}
spec:
  group: mesh.test
  scope: Namespaced
  names: {plural: toys, singular: toy, kind: Toy}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "mesh:reader"}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]`

const smallPilot = `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "accessLogFile: /dev/VERSION\nrootNamespace: istio-system\n"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: only-VERSION, namespace: istio-system}
---
apiVersion: mesh.test/v1
kind: Toy
metadata: {name: ours, namespace: istio-system}
spec: {of: VERSION}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec:
  replicas: 1
  selector: {matchLabels: {app: istiod}}
  template:
    metadata: {labels: {app: istiod}}
    spec: {containers: [{name: discovery, image: "meshctl.io/meshd:VERSION"}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: istio-validator}
webhooks:
- name: validation.istio.io
  admissionReviewVersions: [v1]
  clientConfig: {service: {name: istiod, namespace: istio-system, path: /validate}}
  failurePolicy: Ignore
  sideEffects: None
  rules: [{apiGroups: [networking.istio.io], apiVersions: ["*"], operations: [CREATE], resources: ["*"]}]`

const smallGateway = `apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  replicas: 1
  selector: {matchLabels: {app: istio-ingressgateway}}
  template:
    metadata: {labels: {app: istio-ingressgateway}}
    spec: {containers: [{name: istio-proxy, image: auto}]}`

// small is an installation with one object of each sort.
func small(t *testing.T, version string) install.Request {
	t.Helper()
	return install.Request{Wait: true, Timeout: 20 * time.Second, Components: []render.Component{
		{Name: "Base", Objects: objects(t, "Base", smallBase)},
		{Name: "Pilot", Objects: objects(t, "Pilot", strings.ReplaceAll(smallPilot, "VERSION", version))},
		{Name: "IngressGateways", Objects: objects(t, "IngressGateways", smallGateway)},
	}}
}

// apply installs, and fails the test when that fails.
func apply(t *testing.T, i *install.Installer, r install.Request) install.Result {
	t.Helper()
	result, err := i.Apply(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// purge takes everything away at the end of a test, and sees that the cluster is as it was.
func purge(t *testing.T, before map[string]string) {
	t.Helper()
	i := installer(t, dial(t, client.Options{}))
	removal, err := i.Removal(context.Background(), install.Selected{All: true, Purge: true})
	if err == nil {
		_, err = i.Uninstall(context.Background(), removal, 20*time.Second)
	}
	if err != nil && !errors.Is(err, install.ErrNothing) {
		t.Fatal(err)
	}
	same(t, before, listing(t))
}

// through returns a client whose requests go through a function.
func through(t *testing.T, o client.Options, send func(*http.Request, http.RoundTripper) (*http.Response, error)) *client.Client {
	t.Helper()
	config, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper{next, func(r *http.Request) (*http.Response, error) { return send(r, next) }}
	})
	return newClient(t, config, o)
}

func newClient(t *testing.T, config *rest.Config, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(config, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

type roundTripper struct {
	next http.RoundTripper
	send func(*http.Request) (*http.Response, error)
}

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return t.send(r) }

// WrappedRoundTripper lets connections be closed.
func (t roundTripper) WrappedRoundTripper() http.RoundTripper { return t.next }

var errKilled = errors.New("killed")

// dying is a client that is killed before its nth write: from then on nothing gets through.
func dying(t *testing.T, n int64) (c *client.Client, writes *atomic.Int64) {
	writes = new(atomic.Int64)
	return through(t, client.Options{Parallel: 1}, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if writer(r) && writes.Add(1) >= n || writes.Load() >= n {
			return nil, errKilled
		}
		return next.RoundTrip(r)
	}), writes
}

// writer reports whether a request would change something.
func writer(r *http.Request) bool {
	return r.Method != http.MethodGet && r.URL.Query().Get("dryRun") == "" && !strings.HasSuffix(r.URL.Path, "accessreviews")
}

func TestInterruptedInstallationsAreCompleted(t *testing.T) {
	controllers{}.run(t)
	before := listing(t)
	for n := int64(1); ; n++ {
		c, writes := dying(t, n)
		_, err := installer(t, c).Apply(t.Context(), small(t, "one"))
		died := writes.Load() >= n
		if died != errors.Is(err, errKilled) {
			t.Fatalf("killed before write %d: %v", n, err)
		}
		i := installer(t, dial(t, client.Options{}))
		apply(t, i, small(t, "two"))
		if u := get(t, configMaps, "only-one"); u != nil {
			t.Errorf("killed before write %d: an object that nothing renders any more is still there", n)
		}
		if t.Failed() || !died {
			break
		}
		// The same for taking it out again.
		removal, err := i.Removal(t.Context(), install.Selected{All: true, Purge: true})
		if err != nil {
			t.Fatal(err)
		}
		c, _ = dying(t, n)
		_, _ = installer(t, c).Uninstall(t.Context(), removal, 10*time.Second)
		purge(t, before)
	}
	purge(t, before)
}

func TestPlanSaysWhatChangesAndWritesNothing(t *testing.T) {
	controllers{}.run(t)
	before := listing(t)
	apply(t, installer(t, dial(t, client.Options{})), small(t, "one"))
	installed := versions(t)
	var wrote atomic.Int64
	c := through(t, client.Options{ReadOnly: true}, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if writer(r) {
			wrote.Add(1)
		}
		return next.RoundTrip(r)
	})
	changes, err := installer(t, c).Plan(t.Context(), small(t, "two"))
	if err != nil || wrote.Load() > 0 {
		t.Fatalf("%v, %d writes", err, wrote.Load())
	}
	got := map[string]string{}
	for _, ch := range changes {
		if ch.Action != install.Keep {
			got[string(ch.Action)+" "+ch.Kind+" "+ch.Name] = fmt.Sprint(ch.Fields)
		}
	}
	want := map[string]string{
		"change ConfigMap istio":    "[{data.mesh accessLogFile: /dev/one\nrootNamespace: istio-system\n accessLogFile: /dev/two\nrootNamespace: istio-system\n}]",
		"change Toy ours":           "[{spec.of one two}]",
		"change Deployment istiod":  "[{spec.template.spec.containers[discovery].image meshctl.io/meshd:one meshctl.io/meshd:two}]",
		"delete ConfigMap only-one": "[]",
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %q, want %q", k, got[k], v)
		}
	}
	if len(got) != len(want)+1 { // and the one that is new
		t.Errorf("%v", got)
	}
	same(t, installed, versions(t))
	if _, err := installer(t, c).Apply(t.Context(), small(t, "two")); !errors.Is(err, client.ErrWrites) || wrote.Load() > 0 {
		t.Errorf("applied through a client that may not write: %v", err)
	}
	same(t, installed, versions(t))
	purge(t, before)
}

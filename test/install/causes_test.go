package install_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/pkg/install"
	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/wait"
)

// stuck becomes of the Deployment istiod when a test stalls it: a ReplicaSet with a pod, whose statuses are given.
func stuck(t *testing.T, deployment, pod string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	d := raw(t)
	go func() {
		defer close(done)
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			u, err := d.Resource(deployments).Namespace(system).Get(ctx, "istiod", metav1.GetOptions{})
			if err != nil {
				continue
			}
			setStatus(ctx, t, u, deployments, deployment)
			if pod == "" {
				return
			}
			set := create(ctx, t, replicaSets, u, `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: istiod-1, annotations: {deployment.kubernetes.io/revision: "1"}},
				spec: {replicas: 1, selector: {matchLabels: {app: istiod}}, template: {metadata: {labels: {app: istiod}}, spec: {containers: [{name: discovery, image: x}]}}}}`)
			made := create(ctx, t, pods, set, `{apiVersion: v1, kind: Pod, metadata: {name: istiod-1-a, labels: {app: istiod}}, spec: {containers: [{name: discovery, image: x}]}}`)
			setStatus(ctx, t, made, pods, pod)
			return
		}
	}()
	t.Cleanup(func() {
		now := int64(0)
		_ = d.Resource(pods).Namespace(system).Delete(context.Background(), "istiod-1-a", metav1.DeleteOptions{GracePeriodSeconds: &now})
		_ = d.Resource(replicaSets).Namespace(system).Delete(context.Background(), "istiod-1", metav1.DeleteOptions{})
	})
}

func create(ctx context.Context, t *testing.T, resource schema.GroupVersionResource, owner *unstructured.Unstructured, text string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Error(err)
	}
	u.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID()}})
	made, err := raw(t).Resource(resource).Namespace(system).Create(ctx, u, metav1.CreateOptions{})
	if err != nil {
		t.Error(err)
		return u
	}
	return made
}

func setStatus(ctx context.Context, t *testing.T, u *unstructured.Unstructured, resource schema.GroupVersionResource, status string) {
	data, err := yaml.YAMLToJSON([]byte("status: " + status))
	if err == nil {
		_, err = raw(t).Resource(resource).Namespace(system).Patch(ctx, u.GetName(), types.MergePatchType, data, metav1.PatchOptions{}, "status")
	}
	if err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}

const progressing = `{observedGeneration: 1, replicas: 1, conditions: [{type: Progressing, status: "True", reason: ReplicaSetUpdated}]}`

func TestWhatIsStuckIsNamedAtOnce(t *testing.T) {
	for _, c := range []struct{ name, deployment, pod, want string }{
		{"image", progressing,
			`{phase: Pending, containerStatuses: [{name: discovery, image: "meshctl.io/meshd:one", imageID: "", ready: false, restartCount: 0, state: {waiting: {reason: ErrImagePull, message: "not found"}}}]}`,
			"Deployment istio-system/istiod, pod istiod-1-a, container discovery: its image meshctl.io/meshd:one cannot be pulled: ErrImagePull: not found: see hub and tag"},
		{"quota", `{observedGeneration: 1, conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, message: 'pods "istiod-1-a" is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0'}]}`, "",
			"Deployment istio-system/istiod: its pods cannot be created: pods \"istiod-1-a\" is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0: raise the ResourceQuota"},
		{"webhook", `{observedGeneration: 1, conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, message: 'admission webhook "policy.example.com" denied the request: no'}]}`, "",
			`denied the request: no: ask the owner of that webhook`},
		{"node", progressing,
			`{phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/1 nodes are available: 1 node(s) had untolerated taint {only: others}"}]}`,
			"pod istiod-1-a: no node can run it: 0/1 nodes are available: 1 node(s) had untolerated taint {only: others}: take the taint off a node"},
		{"crash", progressing,
			`{phase: Running, containerStatuses: [{name: discovery, image: x, imageID: "", ready: false, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 2, reason: Error}}}]}`,
			"container discovery: it crashes again and again (exit code 2, Error, 3 restarts)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := listing(t)
			controllers{stall: func(name string) bool { return name == "istiod" }}.run(t)
			t.Cleanup(func() { purge(t, before) }) // before the controllers end
			stuck(t, c.deployment, c.pod)
			r := small(t, "one")
			r.Timeout = time.Minute
			began := time.Now()
			_, err := installer(t, dial(t, client.Options{})).Apply(t.Context(), r)
			var why *wait.StuckError
			if !errors.As(err, &why) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant %s", err, c.want)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s to say so", took)
			}
		})
	}
}

func TestWhatStandsAgainstItIsSaidBeforeAnythingIsWritten(t *testing.T) {
	before := listing(t)
	nobody, err := shared.Kubeconfig(t.TempDir(), "nobody", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	run := meshctlAs(t, nobody, "install", "-y")
	if run.code != 1 || !strings.Contains(run.errOut, "nobody") {
		t.Errorf("exit %d\n%s", run.code, run.errOut)
	}
	config, err := shared.Config("nobody")
	if err != nil {
		t.Fatal(err)
	}
	_, err = installer(t, newClient(t, config, client.Options{})).Apply(t.Context(), small(t, "one"))
	var denied *install.DeniedError
	if !errors.As(err, &denied) || !strings.Contains(err.Error(), "this user may not do what is needed: ") || !strings.Contains(err.Error(), "create namespaces") {
		t.Errorf("%v", err)
	}
	old := through(t, client.Options{}, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		if err == nil && r.URL.Path == "/version" {
			_ = response.Body.Close()
			response.Body = io.NopCloser(strings.NewReader(`{"major":"1","minor":"27+","gitVersion":"v1.27.9"}`))
		}
		return response, err
	})
	if _, err = installer(t, old).Apply(t.Context(), small(t, "one")); err == nil || !strings.Contains(err.Error(), "Kubernetes 1.27.9, and meshctl needs 1.30 or later") {
		t.Errorf("%v", err)
	}
	same(t, before, listing(t))
}

const deadWebhook = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: dead}
webhooks:
- name: dead.example.com
  admissionReviewVersions: [v1]
  clientConfig: {url: "https://127.0.0.1:1/"}
  failurePolicy: Fail
  sideEffects: None
  timeoutSeconds: 2
  rules: [{apiGroups: [rbac.authorization.k8s.io], apiVersions: ["*"], operations: [CREATE], resources: [clusterroles]}]`

func TestWebhooksThatDoNotAnswerAreNamed(t *testing.T) {
	before := listing(t)
	if err := shared.Apply(t.Context(), []byte(deadWebhook)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = raw(t).Resource(validating).Delete(context.Background(), "dead", metav1.DeleteOptions{})
		same(t, before, listing(t))
	}()
	i := installer(t, dial(t, client.Options{Patience: time.Second}))
	role := objects(t, "Base", smallBase)[1]
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C { // the server takes a moment to know its webhooks
		if _, err := i.Client.Apply(t.Context(), role, client.ApplyOptions{DryRun: true}); err != nil {
			break
		}
	}
	i = installer(t, dial(t, client.Options{}))
	began := time.Now()
	_, err := i.Apply(t.Context(), small(t, "one"))
	if err == nil || !strings.Contains(err.Error(), "dead.example.com") || !strings.Contains(err.Error(), "that webhook does not answer") || time.Since(began) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

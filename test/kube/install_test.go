package kube_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/install/render"
	"github.com/meshctl/meshctl/pkg/install/values"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// warnings collects what the server warns of.
type warnings struct {
	mu   sync.Mutex
	text []string
}

func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.text = nil }()
	return w.text
}

// TestInstallationsAreAccepted has the API server judge every object of every profile, in a namespace that admits only restricted pods.
func TestInstallationsAreAccepted(t *testing.T) {
	const namespace = `apiVersion: v1
kind: Namespace
metadata:
  name: NAME
  labels: {pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}
`
	for _, name := range []string{"istio-system", "edge"} {
		if err := shared.Apply(t.Context(), []byte(strings.Replace(namespace, "NAME", name, 1))); err != nil {
			t.Fatal(err)
		}
	}
	seen := &warnings{}
	access, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	access.WarningHandler = seen
	client, err := dynamic.NewForConfig(access)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]values.Options{
		"minimal": {Profile: "minimal"}, "default": {}, "demo": {Profile: "demo"}, "ha": {Profile: "ha"},
		"revision": {Revision: "canary", Sets: []string{"revisionTags={prod,default}"}},
		"everything": {Profile: "ha", Sets: []string{
			"pilot.autoscaleEnabled=false", "pilot.replicaCount=2", "pilot.pdb.maxUnavailable=50%", "pilot.memory.targetAverageUtilization=70",
			"pilot.env.GOGC=50", "pilot.podLabels.team=mesh", "pilot.podAnnotations.note=x", "global.imagePullSecrets={pull}",
			"sidecarInjectorWebhook.enableNamespacesByDefault=true", "meshConfig.accessLogFile=/dev/stdout", "meshConfig.defaultConfig.concurrency=2",
			"components.ingressGateways[0].namespace=edge", "components.ingressGateways[0].k8s.service.type=NodePort",
			"components.ingressGateways[0].label.istio=edge", "components.egressGateways[0].enabled=true",
			"gateways.istio-ingressgateway.podDisruptionBudget.maxUnavailable=1", "gateways.istio-ingressgateway.env.A=b",
			"gateways.istio-ingressgateway.topologySpreadConstraints=[{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {istio: edge}}}]",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			v, warned, err := values.Load(o)
			if err != nil || len(warned) > 0 {
				t.Fatal(err, warned)
			}
			components, err := render.Render(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range components {
				for _, object := range c.Objects {
					if err := dryRun(t.Context(), client, object); err != nil {
						t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
					}
					for _, w := range seen.take() {
						t.Errorf("%s %s: warning: %s", object.GetKind(), object.GetName(), w)
					}
				}
			}
		})
	}
}

// dryRun applies an object without keeping it.
func dryRun(ctx context.Context, client dynamic.Interface, object *unstructured.Unstructured) error {
	resource, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	of := dynamic.ResourceInterface(client.Resource(resource))
	if object.GetNamespace() != "" {
		of = client.Resource(resource).Namespace(object.GetNamespace())
	}
	_, err := of.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "meshctl", Force: true, DryRun: []string{metav1.DryRunAll}})
	return err
}

// TestControlPlaneMayReadTheCluster lists, as the control plane's service account, the kinds that a mesh is made of.
func TestControlPlaneMayReadTheCluster(t *testing.T) {
	v, _, err := values.Load(values.Options{Profile: "minimal", Namespace: "rights"})
	if err != nil {
		t.Fatal(err)
	}
	components, err := render.Render(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range components[1].Objects {
		if strings.HasPrefix(object.GetKind(), "ClusterRole") {
			text, err := object.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if err := shared.Apply(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
	}
	unread := []config.Kind{
		config.Endpoints, config.ReplicaSet, config.StatefulSet, config.DaemonSet, config.Job, config.CronJob, config.NetworkPolicy,
	}
	listing, err := open(t, kube.Options{}, "system:serviceaccount:rights:istiod").List(t.Context(), config.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	var missing []config.Kind
	for _, m := range listing.Missing {
		missing = append(missing, m.Kind)
		if !slices.Contains(unread, m.Kind) {
			t.Errorf("may not read %s: %s", m.Kind, m.Reason)
		}
	}
	if len(missing) != len(unread) {
		t.Errorf("may not read %v, want %v", missing, unread)
	}
}

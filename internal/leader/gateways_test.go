package leader_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	coordination "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubetesting "k8s.io/client-go/testing"

	"github.com/meshctl/meshctl/internal/gatewaydeploy"
	"github.com/meshctl/meshctl/internal/kubeobject/kubetest"
	"github.com/meshctl/meshctl/internal/leader"
	"github.com/meshctl/meshctl/pkg/config"
)

// TestGatewaysAreWrittenOnlyWhileLeading takes the lease away from the one that writes, and gives it back.
func TestGatewaysAreWrittenOnlyWhileLeading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kubetest.New(coordination.SchemeGroupVersion.WithKind("Lease"), corev1.SchemeGroupVersion.WithKind("ServiceAccount"), corev1.SchemeGroupVersion.WithKind("Service"),
			schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
			schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
			schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
		var mu sync.Mutex
		var written []string
		names := "one" // what is wanted differs with it
		c.PrependReactor("patch", "*", func(a kubetesting.Action) (bool, runtime.Object, error) {
			mu.Lock()
			defer mu.Unlock()
			written = append(written, names)
			return true, account(names), nil
		})
		changed := make(chan struct{}, 1)
		want := func(name string) {
			mu.Lock()
			names = name
			mu.Unlock()
			changed <- struct{}{}
		}
		g := leader.Gateways{
			Client: c, Objects: func() config.Set { return config.Set{} }, Changed: changed, Log: slog.New(slog.DiscardHandler),
			Mine: func() (func(string) bool, string) {
				mu.Lock()
				defer mu.Unlock()
				return func(string) bool { return true }, names
			},
			Wanted: func(func(string) bool) ([]gatewaydeploy.Deployment, error) {
				mu.Lock()
				defer mu.Unlock()
				return []gatewaydeploy.Deployment{{Gateway: config.Key{Namespace: "edge", Name: "web"}, Objects: []*unstructured.Unstructured{account(names)}}}, nil
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- leader.Run(ctx, leader.Options{Client: c, Namespace: "s", Lease: "l", Identity: "a", Writers: []leader.Writer{g.Writer()}})
		}()
		time.Sleep(time.Minute) // of the test's clock
		c.Fail(func(_, resource string) error {
			if resource == "leases" {
				return errors.New("away")
			}
			return nil
		})
		time.Sleep(time.Minute) // it gives up at two thirds of 15 s
		want("two")
		time.Sleep(time.Minute)
		mu.Lock()
		if slices.Contains(written, "two") || !slices.Contains(written, "one") {
			t.Errorf("written when the lease was lost: %s", fmt.Sprint(written))
		}
		mu.Unlock()
		c.Fail(nil)
		time.Sleep(time.Minute)
		mu.Lock()
		if !slices.Contains(written, "two") {
			t.Errorf("written when it leads again: %s", fmt.Sprint(written))
		}
		mu.Unlock()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// account is a ServiceAccount that differs by a text.
func account(text string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ServiceAccount"}}
	u.SetNamespace("edge")
	u.SetName("web-istio")
	u.SetAnnotations(map[string]string{"text": text})
	return u
}

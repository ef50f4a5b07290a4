package kubeobject_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	coordination "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/internal/kubeobject"
	"github.com/meshctl/meshctl/internal/kubeobject/kubetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cluster() *kubetest.Cluster {
	return kubetest.New(corev1.SchemeGroupVersion.WithKind("Secret"), coordination.SchemeGroupVersion.WithKind("Lease"))
}

func secret(name, value string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "a"}, Data: map[string][]byte{"key": []byte(value)}}
}

func TestObjectsComeBackAsTheyWereWritten(t *testing.T) {
	secrets := kubeobject.In[corev1.Secret](cluster(), corev1.SchemeGroupVersion, "a")
	if _, err := secrets.Get(t.Context(), "s"); !apierrors.IsNotFound(err) {
		t.Error(err)
	}
	made, err := secrets.Create(t.Context(), secret("s", "\x00\xff"))
	if err != nil || string(made.Data["key"]) != "\x00\xff" {
		t.Fatal(made, err)
	}
	if _, err := secrets.Create(t.Context(), secret("s", "")); !apierrors.IsAlreadyExists(err) {
		t.Error(err)
	}
	old := made.DeepCopy()
	made.Data["key"] = []byte("next")
	if _, err := secrets.Update(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.Update(t.Context(), old); !apierrors.IsConflict(err) {
		t.Errorf("what was read before is written over what is newer: %v", err)
	}
	if got, err := secrets.Get(t.Context(), "s"); err != nil || string(got.Data["key"]) != "next" {
		t.Error(got, err)
	}
}

func TestTimesKeepTheirMicroseconds(t *testing.T) {
	leases := kubeobject.In[coordination.Lease](cluster(), coordination.SchemeGroupVersion, "a")
	now := metav1.NewMicroTime(time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC))
	lease := &coordination.Lease{ObjectMeta: metav1.ObjectMeta{Name: "l", Namespace: "a"}, Spec: coordination.LeaseSpec{RenewTime: &now}}
	if _, err := leases.Create(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if got, err := leases.Get(t.Context(), "l"); err != nil || !got.Spec.RenewTime.Time.Equal(now.Time) {
		t.Error(got, err)
	}
}

func TestWhatIsNotOfTheKindIsAnError(t *testing.T) {
	c := cluster()
	odd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "odd", "namespace": "a"}, "data": "none",
	}}
	if _, err := c.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace("a").Create(t.Context(), odd, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := kubeobject.In[corev1.Secret](c, corev1.SchemeGroupVersion, "a").Get(t.Context(), "odd")
	if err == nil || !strings.Contains(err.Error(), "Secret odd") {
		t.Error(err)
	}
}

func TestFollowTellsOfWhatItSelects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster()
		secrets := kubeobject.In[corev1.Secret](c, corev1.SchemeGroupVersion, "a")
		if _, err := secrets.Create(t.Context(), secret("s", "1")); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var told []string
		trim := func(s *corev1.Secret) { s.Data = nil }
		store, controller := secrets.Follow(kubeobject.Named("s"), trim, func(s *corev1.Secret) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, s.Name+s.ResourceVersion)
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { controller.RunWithContext(ctx) })
		synctest.Wait()
		for _, name := range []string{"other", "s"} {
			s, err := secrets.Get(t.Context(), name)
			if apierrors.IsNotFound(err) {
				_, err = secrets.Create(t.Context(), secret(name, "2"))
			} else {
				_, err = secrets.Update(t.Context(), s)
			}
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if kept, ok := store.List()[0].(*corev1.Secret); !ok || len(store.List()) != 1 || kept.Data != nil || kept.ManagedFields != nil {
			t.Errorf("%v is kept", store.List())
		}
		if err := c.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace("a").Delete(t.Context(), "s", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		running.Wait()
		if !slices.Equal(told, []string{"s1", "s3", "s3"}) || len(store.List()) != 0 {
			t.Errorf("told of %v, left %v", told, store.List())
		}
	})
}

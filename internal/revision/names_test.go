package revision_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	admission "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/internal/kubeobject"
	"github.com/meshctl/meshctl/internal/kubeobject/kubetest"
	"github.com/meshctl/meshctl/internal/revision"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTagsAreNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kubetest.New(admission.SchemeGroupVersion.WithKind("MutatingWebhookConfiguration"))
		webhooks := kubeobject.In[admission.MutatingWebhookConfiguration](c, admission.SchemeGroupVersion, "")
		lead := func(tag, to string) {
			t.Helper()
			o, err := webhooks.Get(t.Context(), "istio-revision-tag-"+tag)
			if err != nil {
				o = &admission.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "istio-revision-tag-" + tag}}
			}
			o.Labels = map[string]string{"istio.io/tag": tag, "istio.io/rev": to}
			if err != nil {
				_, err = webhooks.Create(t.Context(), o)
			} else {
				_, err = webhooks.Update(t.Context(), o)
			}
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		lead("prod", "canary")
		old, canary := revision.New("default"), revision.New("canary")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, n := range []*revision.Names{old, canary} {
			go n.Run(ctx, c)
		}
		<-old.Known()
		<-canary.Known()
		check := func(n *revision.Names, want map[string]bool) {
			t.Helper()
			mine, text := n.Mine()
			for name, is := range want {
				if mine(name) != is {
					t.Errorf("%s is its name: %v; it has %s", name, mine(name), text)
				}
			}
		}
		check(old, map[string]bool{"default": true, "prod": false, "canary": false})
		check(canary, map[string]bool{"default": false, "prod": true, "canary": true})
		changed, other := old.Changed(), canary.Changed()
		lead("default", "canary")
		lead("prod", "default")
		<-changed
		<-other
		check(old, map[string]bool{"default": false, "prod": true})
		check(canary, map[string]bool{"default": true, "prod": false, "canary": true})
		time.Sleep(time.Minute)
		select {
		case <-old.Changed():
			t.Error("nothing has changed")
		default:
		}
	})
}

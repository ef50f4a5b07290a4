// Package revision knows by which names a control plane is meant: its revision, and the tags that lead to it
// (https://istio.io/latest/docs/setup/upgrade/canary/#stable-revision-labels).
package revision

import (
	"context"
	"fmt"
	"sync"

	admission "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"

	"github.com/meshctl/meshctl/internal/kubeobject"
)

const (
	// Default is the revision of a control plane without one, and who is meant by objects without Label.
	Default = "default"
	// Label names the revision, or the tag, that an object is for.
	Label = "istio.io/rev"
	// tagLabel is on the webhooks of a tag; Label beside it is where the tag leads.
	tagLabel = "istio.io/tag"
)

// Names of one control plane. Any number of goroutines may use them.
type Names struct {
	revision string

	mu sync.Mutex
	// tags are those of the cluster, by the webhook configuration that makes each.
	tags    map[string]tag
	known   chan struct{}
	changed chan struct{}
}

type tag struct{ name, leads string }

// New returns the names of a revision that nothing is known of but itself.
func New(revision string) *Names {
	return &Names{revision: revision, tags: map[string]tag{}, known: make(chan struct{}), changed: make(chan struct{})}
}

// Mine returns what tells the names of this control plane, as they are now, from others, and a text that differs when the names do. The tag
// "default" takes that name away from the revision of the same name if it leads elsewhere.
func (n *Names) Mine() (mine func(name string) bool, names string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	is := map[string]bool{n.revision: true}
	for _, t := range n.tags {
		is[t.name] = t.leads == n.revision
	}
	return func(name string) bool { return is[name] }, fmt.Sprint(is)
}

// Known returns a channel that is closed when the tags of the cluster are known.
func (n *Names) Known() <-chan struct{} { return n.known }

// Changed returns a channel that is closed when the names are no longer those of now.
func (n *Names) Changed() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

// Run follows the tags of the cluster until ctx is done. It may be called once.
func (n *Names) Run(ctx context.Context, client dynamic.Interface) {
	webhooks := kubeobject.In[admission.MutatingWebhookConfiguration](client, admission.SchemeGroupVersion, "")
	trim := func(c *admission.MutatingWebhookConfiguration) { c.Webhooks, c.Annotations = nil, nil }
	var store cache.Store // set before the controller runs, and with it what reads it
	var controller cache.Controller
	store, controller = webhooks.Follow(metav1.ListOptions{LabelSelector: tagLabel}, trim, func(*admission.MutatingWebhookConfiguration) { n.read(store) })
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { controller.RunWithContext(ctx) })
	if cache.WaitForCacheSync(ctx.Done(), controller.HasSynced) {
		close(n.known)
	}
	<-ctx.Done()
}

// read takes the tags from what is stored.
func (n *Names) read(store cache.Store) {
	tags := map[string]tag{}
	for _, o := range store.List() {
		if c, ok := o.(*admission.MutatingWebhookConfiguration); ok && c.Labels[tagLabel] != "" {
			tags[c.Name] = tag{c.Labels[tagLabel], c.Labels[Label]}
		}
	}
	_, before := n.Mine()
	n.mu.Lock()
	n.tags = tags
	n.mu.Unlock()
	if _, now := n.Mine(); now == before {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.changed)
	n.changed = make(chan struct{})
}

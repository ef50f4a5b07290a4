package kubeca

import (
	"context"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/kubeobject"
)

const (
	requestTimeout = 10 * time.Second
	retryFirst     = 200 * time.Millisecond
	retryMost      = 10 * time.Second
)

// Options of a Keeper.
type Options struct {
	Client dynamic.Interface
	// Namespace of the Secrets.
	Namespace string
	// TrustDomain of the mesh.
	TrustDomain string
	Log         *slog.Logger // nil: silent
}

// Keeper holds the authority of a mesh to what its Secrets say.
type Keeper struct {
	o         Options
	authority *ca.Authority
	// stored is the last content of OwnSecret.
	stored map[string][]byte
}

// Open returns the keeper of the authority that the Secrets hold, or of a new one, which it stores. While that fails it says why in the
// log and tries again, until ctx is done: only then it returns an error.
func Open(ctx context.Context, o Options) (*Keeper, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{o: o}
	retry := retryFirst
	for {
		a, err := k.load(ctx)
		if err == nil {
			k.authority = a
			return k, nil
		}
		o.Log.Error("no certificate authority yet, trying again", "in", retry.String(), "error", err)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(retry):
		}
		retry = min(2*retry, retryMost)
	}
}

// Authority returns the authority, which Run replaces when the Secrets change.
func (k *Keeper) Authority() *ca.Authority { return k.authority }

func (k *Keeper) caOptions() ca.Options { return ca.Options{TrustDomain: k.o.TrustDomain} }

// Run follows the Secrets until ctx is done. An authority that cannot be used is logged and the one before stays.
func (k *Keeper) Run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	wake := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	var running sync.WaitGroup
	defer running.Wait()
	for _, name := range []string{PluggedSecret, OwnSecret} {
		running.Go(func() { k.watch(ctx, name, wake) })
	}
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-again:
		}
		again = nil
		if err := k.reload(ctx); err != nil && ctx.Err() == nil {
			k.o.Log.Error("the certificate authority stays as it was", "error", err)
			again = time.After(retryMost)
		}
	}
}

func (k *Keeper) secrets() kubeobject.Objects[corev1.Secret] {
	return kubeobject.In[corev1.Secret](k.o.Client, corev1.SchemeGroupVersion, k.o.Namespace)
}

// watch wakes when the Secret of a name changes. What it holds is read anew: nothing of it is to stay in a cache.
func (k *Keeper) watch(ctx context.Context, name string, wake func()) {
	empty := func(s *corev1.Secret) { s.Data, s.Annotations = nil, nil } // kubectl leaves what it applied in an annotation
	_, informer := k.secrets().Follow(kubeobject.Named(name), empty, func(*corev1.Secret) { wake() })
	informer.RunWithContext(ctx)
}

func (k *Keeper) reload(ctx context.Context) error {
	next, err := k.load(ctx)
	if err != nil {
		return err
	}
	before := k.authority.Stamp()
	changed, err := k.authority.Replace(next)
	if err != nil || !changed {
		return err
	}
	k.announce(before, next.Stamp())
	return nil
}

// announce logs a change, and warns of one that cuts workloads off from each other until all of them have renewed.
func (k *Keeper) announce(before, after ca.Stamp) {
	trusted := map[string]bool{}
	for _, f := range before.Roots {
		trusted[f] = true
	}
	known := 0
	for _, f := range after.Roots {
		if trusted[f] {
			known++
		}
	}
	k.o.Log.Info("the certificate authority has changed", "signer", after.Signer, "roots", len(after.Roots), "rootsKnownBefore", known)
	if known == 0 {
		k.o.Log.Warn("none of the roots before is trusted any more: requests between workloads fail until all have new certificates; " +
			"next time keep both roots in " + bundleKey + " until every workload has renewed")
	}
}

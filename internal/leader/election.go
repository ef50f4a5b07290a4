package leader

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/internal/kubeobject"
)

// election is the part of one replica in it, by the rules that client-go's package leaderelection made common: a Lease is its holder's
// until it has stayed the same for as long as it says, by the clock of whoever looks on. No two clocks are compared.
type election struct {
	o      Options
	leases kubeobject.Objects[coordination.Lease]
	// seen is the last state of the Lease, since is when it was first seen so.
	seen  state
	since time.Time
	// renewed is when this replica asked for what it got last.
	renewed time.Time
}

// state is what a holder changes when it renews.
type state struct {
	holder  string
	renewed time.Time
}

var (
	errTaken  = errors.New("another replica holds the lease")
	errFaster = errors.New("somebody else wrote the lease at the same time")
)

func newElection(o Options) *election {
	return &election{o: o, leases: kubeobject.In[coordination.Lease](o.Client, coordination.SchemeGroupVersion, o.Namespace)}
}

// retry is how long an attempt and the wait before the next may each take, patience how long a holder goes on that cannot renew.
func (e *election) retry() time.Duration    { return e.o.LeaseDuration / 5 }
func (e *election) patience() time.Duration { return e.o.LeaseDuration * 2 / 3 }

// campaign waits until the Lease is this replica's; false when ctx is done.
func (e *election) campaign(ctx context.Context) bool {
	said := ""
	for {
		err := e.attempt(ctx)
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil:
			return false
		case !errors.Is(err, errTaken) && !errors.Is(err, errFaster) && err.Error() != said:
			said = err.Error()
			e.o.Log.Warn("cannot take part in the election, trying again", "error", err)
		}
		if !pause(ctx, e.retry()+rand.N(e.retry())) { // those who wait do not all ask at once
			return false
		}
	}
}

// hold renews the Lease until ctx is done, and returns nil then, or says why it is lost.
func (e *election) hold(ctx context.Context) error {
	for pause(ctx, e.retry()) {
		err := e.attempt(ctx)
		late := time.Since(e.renewed)+e.retry() > e.patience()
		if err != nil && ctx.Err() == nil && (late || errors.Is(err, errTaken)) {
			return err
		}
	}
	return nil
}

// attempt takes the Lease or renews it. The error is errTaken when it is another's.
func (e *election) attempt(ctx context.Context) error {
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, e.retry())
	defer cancel()
	err := e.write(ctx)
	switch {
	case err == nil:
		e.renewed = asked
		return nil
	case errors.Is(err, errTaken):
		return err
	case apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err):
		return errFaster
	}
	return fmt.Errorf("lease %s/%s: %w", e.o.Namespace, e.o.Lease, err)
}

func (e *election) write(ctx context.Context) error {
	lease, err := e.leases.Get(ctx, e.o.Lease)
	if apierrors.IsNotFound(err) {
		lease = &coordination.Lease{ObjectMeta: metav1.ObjectMeta{Name: e.o.Lease, Namespace: e.o.Namespace}}
		e.sign(&lease.Spec, e.o.Identity, e.o.LeaseDuration)
		_, err = e.leases.Create(ctx, lease)
		return err
	}
	if err != nil {
		return err
	}
	if holder := e.observe(lease.Spec); holder != "" && holder != e.o.Identity {
		return errTaken
	}
	e.sign(&lease.Spec, e.o.Identity, e.o.LeaseDuration)
	_, err = e.leases.Update(ctx, lease)
	return err
}

// observe returns who holds a Lease, "" when nobody does any more.
func (e *election) observe(s coordination.LeaseSpec) string {
	now := state{}
	if s.HolderIdentity != nil {
		now.holder = *s.HolderIdentity
	}
	if s.RenewTime != nil {
		now.renewed = s.RenewTime.UTC()
	}
	if now != e.seen || e.since.IsZero() {
		e.seen, e.since = now, time.Now()
	}
	lasts := e.o.LeaseDuration
	if s.LeaseDurationSeconds != nil {
		lasts = time.Duration(*s.LeaseDurationSeconds) * time.Second
	}
	if time.Since(e.since) >= lasts {
		return ""
	}
	return now.holder
}

// sign writes a holder, "" for nobody, into a Lease.
func (e *election) sign(s *coordination.LeaseSpec, holder string, lasts time.Duration) {
	now := metav1.NewMicroTime(time.Now())
	if s.HolderIdentity == nil || *s.HolderIdentity != holder {
		transitions := int32(0)
		if s.LeaseTransitions != nil {
			transitions = *s.LeaseTransitions
		}
		if s.HolderIdentity != nil && holder != "" {
			transitions++
		}
		s.AcquireTime, s.LeaseTransitions = &now, &transitions
	}
	seconds := int32(max(1, (lasts+time.Second-1)/time.Second)) // the API takes whole ones, from one
	s.HolderIdentity, s.LeaseDurationSeconds, s.RenewTime = &holder, &seconds, &now
}

// release gives the Lease up after ctx is done, for another replica to take at once.
func (e *election) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.retry())
	defer cancel()
	for {
		lease, err := e.leases.Get(ctx, e.o.Lease)
		if err == nil {
			if h := lease.Spec.HolderIdentity; h == nil || *h != e.o.Identity {
				return
			}
			e.sign(&lease.Spec, "", time.Second)
			_, err = e.leases.Update(ctx, lease)
		}
		if err == nil || apierrors.IsNotFound(err) {
			return
		}
		if !apierrors.IsConflict(err) { // that is a renewal of its own which went through as it was given up
			e.o.Log.Warn("lease not given up: another replica waits until it ends", "lease", e.o.Namespace+"/"+e.o.Lease, "error", err)
			return
		}
	}
}

// pause reports whether ctx lasted for so long.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

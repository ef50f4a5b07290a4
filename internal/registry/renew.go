package registry

import "time"

// renewAgain is how long after one request for a new certificate the next may follow: an authority that several replicas do not see alike
// must not keep an agent busy.
const renewAgain = 5 * time.Second

// RenewStale asks those agents for a new certificate whose present one is stale.
func (r *Registry) RenewStale() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.workloads {
		r.renewIfStale(k)
	}
}

// renewIfStale asks the agent of a workload for a new certificate if it should have another; the mutex is held. One that was asked a
// moment ago is looked at again later.
func (r *Registry) renewIfStale(k key) {
	w := r.workloads[k]
	if w == nil || w.session == nil || w.cert == nil || r.closed || !r.o.Stale(w.cert) {
		return
	}
	s, now := w.session, r.o.Clock.Now()
	if wait := renewAgain - now.Sub(s.renewed); !s.renewed.IsZero() && wait > 0 {
		if !s.renewing {
			s.renewing = true
			r.o.Clock.AfterFunc(wait, func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				s.renewing = false
				if w := r.workloads[k]; w != nil && w.session == s {
					r.renewIfStale(k)
				}
			})
		}
		return
	}
	s.renewed = now
	s.outbox.rotate = true
	s.wake()
}

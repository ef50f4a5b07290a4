package registry

import "time"

const (
	// renewAgain is how long after one request for a new certificate the next may follow: an authority that several replicas do not see
	// alike must not keep an agent busy.
	renewAgain = 5 * time.Second
	// renewEach is the time between the requests to two agents when the authority has changed, renewAll that in which all are asked.
	renewEach = 10 * time.Millisecond
	renewAll  = 10 * time.Second
)

// RenewStale asks those agents for a new certificate whose present one is stale: one after the other, that they do not all come at once.
func (r *Registry) RenewStale() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var stale []key
	for k, w := range r.workloads {
		if r.stale(w) && !w.session.renewing {
			stale = append(stale, k)
		}
	}
	step := renewEach
	if n := time.Duration(len(stale)); n > renewAll/renewEach {
		step = renewAll / n
	}
	for i, k := range stale {
		if i == 0 {
			r.renewIfStale(k)
			continue
		}
		r.renewLater(k, time.Duration(i)*step)
	}
}

func (r *Registry) stale(w *workload) bool {
	return w != nil && w.session != nil && w.cert != nil && !r.closed && r.o.Stale(w.cert)
}

// renewIfStale asks the agent of a workload for a new certificate if it should have another; the mutex is held. One that was asked a
// moment ago is looked at again later.
func (r *Registry) renewIfStale(k key) {
	w := r.workloads[k]
	if !r.stale(w) {
		return
	}
	s, now := w.session, r.o.Clock.Now()
	if wait := renewAgain - now.Sub(s.renewed); !s.renewed.IsZero() && wait > 0 {
		r.renewLater(k, wait)
		return
	}
	s.renewed = now
	s.outbox.rotate = true
	s.wake()
}

// renewLater looks after a while whether the workload's certificate is stale then; the mutex is held. There is one such look at a time.
func (r *Registry) renewLater(k key, wait time.Duration) {
	s := r.workloads[k].session
	if s.renewing {
		return
	}
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

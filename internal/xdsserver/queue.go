package xdsserver

import (
	"time"

	"github.com/meshctl/meshctl/pkg/xds"
)

// send queues a response; nil when there is nothing to say.
func (st *stream) send(sub *subscription, changed []*xds.Resource, removed []string) *push {
	if len(changed)+len(removed) == 0 && !sub.owed {
		return nil
	}
	p := &push{sub: sub, changed: changed, removed: removed, version: sub.nextVersion(changed, removed)}
	if st.protocol == sotwProtocol && !sub.complete(p) {
		return nil
	}
	sub.owed = false
	sub.unanswered = append(sub.unanswered, p)
	st.queue = append(st.queue, p)
	return p
}

// flush moves queued responses into go-control-plane's channel for as long as it has room: it is read by the goroutine that
// this runs on, and waiting would be for ever.
func flush[Response any](st *stream, responses chan Response, wrap func(*push) Response) {
	for len(st.queue) > 0 && len(responses) < cap(responses) {
		responses <- wrap(st.queue[0])
		st.queue = st.queue[1:]
	}
	if len(st.queue) > 0 {
		st.again()
		return
	}
	st.queue = nil
}

// hold waits until the response fits in with those of the other streams.
func (st *stream) hold(p *push) error {
	p.bytes = p.size()
	held := min(p.cost(), st.server.options.BytesInFlight)
	if err := st.server.budget.Acquire(st.ctx, held); err != nil {
		return err
	}
	p.held = held
	return nil
}

// sending takes note of a response that is about to be sent.
func (st *stream) sending(p *push, nonce string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	p.nonce, p.at, st.current = nonce, time.Now(), p
	a := &p.sub.account
	a.sentVersion, a.sentAt = p.version, p.at
	a.bytes += p.bytes
	a.resources += len(p.content())
	a.removals += len(p.removed)
	if len(p.content())+len(p.removed) > 0 {
		a.pushes++
		st.server.count(p.sub.url, Total{Pushes: 1})
	}
}

// handedOver gives back what the response took from the budget: it is the network's now.
func (st *stream) handedOver() {
	if p := st.current; p != nil && p.held > 0 {
		st.server.budget.Release(p.held)
		p.held, st.current = 0, nil
	}
}

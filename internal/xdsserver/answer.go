package xdsserver

import (
	"slices"
	"time"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/meshctl/meshctl/pkg/xds"
)

// answered takes note of a proxy's answer to the response with a nonce: an acknowledgement, or a rejection when refusal
// is not nil. Answers to responses that are no longer waited for are ignored.
func (st *stream) answered(sub *subscription, nonce string, refusal *rpcstatus.Status) {
	i := slices.IndexFunc(sub.unanswered, func(p *push) bool { return p.nonce != "" && p.nonce == nonce })
	if i < 0 {
		return
	}
	p := sub.unanswered[i]
	// Answers come in the order of the responses.
	sub.unanswered = slices.Delete(sub.unanswered, 0, i+1)
	if refusal != nil {
		st.rejected(sub, p, refusal.GetMessage())
		return
	}
	sub.account.ackedVersion, sub.account.ackedAt = p.version, time.Now()
	for name := range sub.rejected {
		if p.whole != nil || p.carries(name) {
			delete(sub.rejected, name)
		}
	}
}

// rejected keeps what the proxy said. The rejected content is not sent again; what changes is.
//
// Envoy checks clusters and listeners one by one and takes the good ones, but drops a whole response of another type, or
// with a field out of range, for one bad resource. So that the bad one holds back nothing else, the others are sent once
// more: without those that the message names or, when it names none, in two halves, until the bad one stands alone.
func (st *stream) rejected(sub *subscription, p *push, text string) {
	st.server.count(sub.url, Total{Rejections: 1})
	content := p.content()
	bad := offenders(content, text)
	named := len(bad) > 0
	if !named {
		bad = content
	}
	if sub.rejected == nil {
		sub.rejected = map[string]*Rejection{}
	}
	now := time.Now()
	for _, r := range bad {
		sub.rejected[r.Name] = &Rejection{Resource: r.Name, Version: r.Version, From: r.From, Text: text, At: now}
	}
	if st.protocol != deltaProtocol || len(content) < 2 {
		return
	}
	if !named {
		half := len(content) / 2
		st.retry(sub, content[:half], p.removed)
		st.retry(sub, content[half:], nil)
		return
	}
	if sub.url != xds.ClusterType && sub.url != xds.ListenerType {
		good := slices.DeleteFunc(slices.Clone(content), func(r *xds.Resource) bool { return slices.Contains(bad, r) })
		st.retry(sub, good, p.removed)
	}
}

// retry sends resources once more, those that have not been replaced meanwhile.
func (st *stream) retry(sub *subscription, resources []*xds.Resource, removed []string) {
	current := slices.DeleteFunc(slices.Clone(resources), func(r *xds.Resource) bool { return !same(sub.base.Get(r.Name), r) })
	st.send(sub, current, removed)
}

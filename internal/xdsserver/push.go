package xdsserver

import (
	"time"

	"github.com/meshctl/meshctl/pkg/xds"
)

// push is one response: before it is sent, while the proxy has not answered it, and in the answer's account.
type push struct {
	sub     *subscription
	changed []*xds.Resource
	removed []string
	version string
	// whole is the complete state for the state-of-the-world protocol where that is what a response holds (clusters and
	// listeners); nil otherwise.
	whole []*xds.Resource
	nonce string
	at    time.Time
	bytes int64
	held  int64 // taken from the budget, not given back yet
}

// content returns the resources that the response carries.
func (p *push) content() []*xds.Resource {
	if p.whole != nil {
		return p.whole
	}
	return p.changed
}

func (p *push) size() int64 {
	const perResource, perMessage = 16, 128 // framing
	size := int64(perMessage)
	for _, r := range p.content() {
		size += int64(len(r.Any.GetValue())+len(r.Any.GetTypeUrl())+len(r.Name)+len(r.Version)) + perResource
	}
	for _, name := range p.removed {
		size += int64(len(name)) + perResource/4
	}
	return size
}

// cost returns the memory that sending the push takes: next to nothing for resources whose frames are shared, if the gRPC
// server was made with ServerOptions.
func (p *push) cost() int64 {
	const perResource = 64 // a buffer's header and the two references to it
	content := p.content()
	if len(content) == 0 || content[0].Frame() == nil {
		return p.size()
	}
	return int64(len(content)+1) * perResource
}

// carries reports whether the push tells the proxy about the resource of that name.
func (p *push) carries(name string) bool {
	for _, r := range p.content() {
		if r.Name == name {
			return true
		}
	}
	for _, n := range p.removed {
		if n == name {
			return true
		}
	}
	return false
}

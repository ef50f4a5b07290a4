package xdsserver

import (
	"slices"
	"sync"
	"weak"

	"github.com/zeebo/xxh3"
)

// lists keeps one copy of every list of names that streams have asked for: all proxies of a scope ask for the endpoints of
// the same thousands of clusters. It holds lists weakly: those that no stream has any more are forgotten.
type lists struct {
	mu      sync.Mutex
	entries map[uint64]weak.Pointer[list]
	sweepAt int
}

// list is what a stream holds on to.
type list struct{ names names }

const (
	firstSweep = 1024
	worthwhile = 16 // shorter lists are not shared
)

// share returns a list that is equal to n, the one that others use if there is one.
func (l *lists) share(n names) *list {
	if len(n) < worthwhile {
		return &list{n}
	}
	h := xxh3.New()
	for _, name := range n {
		_, _ = h.WriteString(name)
		_, _ = h.Write([]byte{0})
	}
	key := h.Sum64()
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.entries[key].Value(); known != nil && slices.Equal(known.names, n) {
		return known
	}
	fresh := &list{n}
	l.entries[key] = weak.Make(fresh)
	if len(l.entries) >= l.sweepAt {
		for key, p := range l.entries {
			if p.Value() == nil {
				delete(l.entries, key)
			}
		}
		l.sweepAt = max(firstSweep, 2*len(l.entries))
	}
	return fresh
}

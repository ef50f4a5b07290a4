package kube

import (
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
)

// store takes what a reflector says of one kind. It keeps no objects, only what it needs to tell what is new: the consumer has the
// objects.
type store struct {
	kind   config.Kind
	feed   *feed
	chosen *choice
	// fetch reads an object of a selective kind.
	fetch func(config.Key)

	mu    sync.Mutex
	known map[config.Key]known
}

// known is what was passed on of an object.
type known struct {
	version string
	digest  config.Digest // zero for an object that cannot be read
}

func newStore(kind config.Kind, f *feed, chosen *choice) *store {
	return &store{kind: kind, feed: f, chosen: chosen, known: map[config.Key]known{}}
}

// Add implements cache.ReflectorStore.
func (s *store) Add(o any) error {
	if i, ok := o.(*item); ok {
		s.put(i)
	}
	return nil
}

// Update implements cache.ReflectorStore.
func (s *store) Update(o any) error { return s.Add(o) }

// Delete implements cache.ReflectorStore.
func (s *store) Delete(o any) error {
	if i, ok := o.(*item); ok {
		s.remove(s.key(i))
	}
	return nil
}

// Replace implements cache.ReflectorStore: only what differs from before is passed on.
func (s *store) Replace(list []any, _ string) error {
	seen := make(map[config.Key]bool, len(list))
	for _, o := range list {
		if i, ok := o.(*item); ok {
			seen[s.key(i)] = true
			s.put(i)
		}
	}
	for _, key := range s.gone(seen) {
		s.remove(key)
	}
	s.feed.settle(s.kind, nil)
	return nil
}

func (s *store) gone(seen map[config.Key]bool) []config.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []config.Key
	for key := range s.known {
		if !seen[key] {
			out = append(out, key)
		}
	}
	return out
}

// Resync implements cache.ReflectorStore.
func (s *store) Resync() error { return nil }

func (s *store) key(i *item) config.Key {
	return config.Key{Kind: s.kind, Namespace: i.Namespace, Name: i.Name}
}

func (s *store) put(i *item) {
	s.chosen.note(s.key(i), i.names)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(i)
	if selective(s.kind) && i.unread() && s.chosen.wants(s.key(i)) {
		s.fetch(s.key(i)) // it was named after it came and before it was put here
	}
}

// set passes an object on, if it is new.
func (s *store) set(i *item) {
	key := s.key(i)
	before, there := s.known[key]
	now := known{version: i.ResourceVersion}
	var object *config.Object
	if len(i.read.Objects) == 1 {
		object = trimmed(i.read.Objects[0])
		now.digest = object.Digest
	}
	if there && (before.version == now.version || object != nil && before.digest == now.digest) {
		s.known[key] = now // what changed does not concern the mesh
		return
	}
	s.known[key] = now
	if object != nil || before.digest != (config.Digest{}) || len(i.read.Problems) > 0 { // else nothing was known of it, nor is now
		s.feed.put(key, object, i.read.Problems)
	}
}

func (s *store) remove(key config.Key) {
	s.chosen.note(key, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, key)
	s.feed.put(key, nil, nil)
}

// version is that of an object as last seen.
func (s *store) version(key config.Key) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[key].version
}

// fetched takes an object that was asked for when it was of the given version; what came in the meantime is newer.
func (s *store) fetched(i *item, before string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, there := s.known[s.key(i)]; there && k.version == before {
		s.known[s.key(i)] = known{}
		s.set(i)
	}
}

// chose looks again at the objects of a name, which is wanted now or is so no longer.
func (s *store) chose(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.known {
		switch {
		case key.Name != name:
		case s.chosen.wants(key):
			if k.digest == (config.Digest{}) {
				s.fetch(key)
			}
		case k.digest != (config.Digest{}):
			s.known[key] = known{version: k.version}
			s.feed.put(key, nil, nil)
		}
	}
}

// signalStore raises a signal at every change.
type signalStore struct{ *signal }

// Add implements cache.ReflectorStore.
func (s signalStore) Add(any) error { s.raise(); return nil }

// Update implements cache.ReflectorStore.
func (s signalStore) Update(any) error { s.raise(); return nil }

// Delete implements cache.ReflectorStore.
func (s signalStore) Delete(any) error { s.raise(); return nil }

// Replace implements cache.ReflectorStore.
func (s signalStore) Replace([]any, string) error { s.raise(); return nil }

// Resync implements cache.ReflectorStore.
func (s signalStore) Resync() error { return nil }

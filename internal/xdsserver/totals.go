package xdsserver

import "maps"

// Total counts what happened with one type since the server was made, on all streams, those that have ended included.
type Total struct {
	// Pushes are responses with something in them, Rejections those that a proxy refused.
	Pushes, Rejections uint64
}

// Totals returns the counts by type URL.
func (s *Server) Totals() map[string]Total {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.totals)
}

func (s *Server) count(url string, more Total) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.totals[url]
	t.Pushes += more.Pushes
	t.Rejections += more.Rejections
	s.totals[url] = t
}

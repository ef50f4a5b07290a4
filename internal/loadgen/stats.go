package loadgen

import "maps"

// Stats are the counts of a generator at one moment.
type Stats struct {
	// OK and Errors count the results. A request that was dropped has no result.
	OK, Errors uint64
	// Dropped counts requests that were not sent because MaxInFlight were under way.
	Dropped uint64
	// InFlight is the number of requests under way.
	InFlight int
	// Statuses counts the results by HTTP status; 0 stands for no answer.
	Statuses map[int]uint64
	// LastError says what was wrong with the latest result that was not OK; "" when all were.
	LastError string
	// Latency counts all results, also errors: leaving out timeouts would flatter a server that hangs.
	Latency Histogram
}

// Since returns the counts that came after before, an earlier moment of the same generator. InFlight and LastError
// stay those of s.
func (s Stats) Since(before Stats) Stats {
	out := s.clone()
	out.OK -= before.OK
	out.Errors -= before.Errors
	out.Dropped -= before.Dropped
	for status, n := range before.Statuses {
		if out.Statuses[status] -= n; out.Statuses[status] == 0 {
			delete(out.Statuses, status)
		}
	}
	out.Latency = s.Latency.since(before.Latency)
	return out
}

func (s Stats) clone() Stats {
	s.Statuses = maps.Clone(s.Statuses)
	return s
}

func (s *Stats) add(r Result) {
	s.Statuses[r.Status]++
	s.Latency.add(r.Latency)
	if r.OK() {
		s.OK++
		return
	}
	s.Errors++
	s.LastError = describe(r)
}

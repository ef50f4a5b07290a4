package bookinfo

import (
	"encoding/json"
	"net/http"
	"sync"
)

// maxRated bounds how many books hold posted ratings, so that a loop of POSTs cannot fill the memory.
const maxRated = 1000

// bookRatings is the answer of GET and POST /ratings/ID: stars (as a rule 1 to 5) by reviewer.
type bookRatings struct {
	ID      int            `json:"id"`
	Ratings map[string]int `json:"ratings"`
}

// ratingStore holds the posted ratings by book.
type ratingStore struct {
	mu     sync.Mutex
	posted map[int]map[string]int
}

// newRatings serves GET and POST /ratings/ID and /health. Posted ratings live as long as the process.
func newRatings() http.Handler {
	store := &ratingStore{posted: map[int]map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", healthy("Ratings is healthy"))
	mux.HandleFunc("GET /ratings/{id}", func(w http.ResponseWriter, r *http.Request) {
		if id, ok := productID(w, r); ok {
			writeJSON(w, http.StatusOK, store.get(id))
		}
	})
	mux.HandleFunc("POST /ratings/{id}", store.post)
	return mux
}

func (s *ratingStore) get(id int) bookRatings {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ratings, ok := s.posted[id]; ok {
		return bookRatings{id, ratings}
	}
	return bookRatings{id, map[string]int{"Reviewer1": 5, "Reviewer2": 4}}
}

func (s *ratingStore) post(w http.ResponseWriter, r *http.Request) {
	id, ok := productID(w, r)
	if !ok {
		return
	}
	var ratings map[string]int
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&ratings); err != nil || ratings == nil {
		writeJSON(w, http.StatusBadRequest, failure{`the body must be JSON like {"Reviewer1": 5, "Reviewer2": 4}`})
		return
	}
	if !s.set(id, ratings) {
		writeJSON(w, http.StatusInsufficientStorage, failure{"too many books have ratings of their own"})
		return
	}
	writeJSON(w, http.StatusOK, s.get(id))
}

func (s *ratingStore) set(id int, ratings map[string]int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.posted[id]; !known && len(s.posted) >= maxRated {
		return false
	}
	s.posted[id] = ratings
	return true
}

package bookinfo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// reviewsVersion is what differs between the versions of reviews. An empty color stands for no ratings at all.
type reviewsVersion struct {
	color   string
	timeout time.Duration
}

// The patience of v2 is longer than that of its caller: the bug that the fault-injection task of Istio's
// documentation finds with a delay of 7 s. v3 has it repaired.
var reviewsVersions = map[string]reviewsVersion{
	"v1": {},
	"v2": {color: "black", timeout: 10 * time.Second},
	"v3": {color: "red", timeout: 2500 * time.Millisecond},
}

// bookReviews is the answer of GET /reviews/ID.
type bookReviews struct {
	ID          string   `json:"id"`
	PodName     string   `json:"podname"`
	ClusterName string   `json:"clustername"`
	Reviews     []review `json:"reviews"`
}

type review struct {
	Reviewer string  `json:"reviewer"`
	Text     string  `json:"text"`
	Rating   *rating `json:"rating,omitempty"`
}

// rating holds stars and their color, or only an error.
type rating struct {
	Stars *int   `json:"stars,omitempty"`
	Color string `json:"color,omitempty"`
	Error string `json:"error,omitempty"`
}

type reviewsService struct {
	Options
	color string
	calls caller
}

// newReviews serves GET /reviews/ID and /health in the version of o.
func newReviews(o Options, calls caller) (http.Handler, error) {
	version, ok := reviewsVersions[o.Version]
	if !ok {
		return nil, fmt.Errorf("bookinfo reviews has no version %q: choose v1, v2 or v3", o.Version)
	}
	s := &reviewsService{Options: o, color: version.color, calls: calls}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", healthy("Reviews is healthy"))
	mux.HandleFunc("GET /reviews/{id}", s.get)
	return mux, nil
}

func (s *reviewsService) get(w http.ResponseWriter, r *http.Request) {
	id, ok := productID(w, r)
	if !ok {
		return
	}
	answer := bookReviews{
		ID: strconv.Itoa(id), PodName: s.PodName, ClusterName: s.ClusterName,
		Reviews: []review{
			{Reviewer: "Reviewer1", Text: "Two pairs of twins, one long day and not a dull scene: I laughed from the first beating to the last embrace."},
			{Reviewer: "Reviewer2", Text: "Light, quick and silly in the best sense, though nobody will look here for the depth of the great tragedies."},
		},
	}
	if s.color != "" {
		stars := s.stars(r.Context(), id, r.Header)
		for i := range answer.Reviews {
			answer.Reviews[i].Rating = s.rating(stars, answer.Reviews[i].Reviewer)
		}
	}
	writeJSON(w, http.StatusOK, answer)
}

// stars asks ratings for the stars by reviewer; nil when there is no usable answer.
func (s *reviewsService) stars(ctx context.Context, id int, in http.Header) map[string]int {
	url := s.Upstreams.Ratings + "/ratings/" + strconv.Itoa(id)
	status, body := s.calls.get(ctx, url, forward(in), s.RatingsTimeout)
	if status != http.StatusOK {
		return nil
	}
	var answer bookRatings
	if err := json.Unmarshal(body, &answer); err != nil {
		s.Log.Warn("call failed", "url", url, "error", err)
		return nil
	}
	return answer.Ratings
}

func (s *reviewsService) rating(stars map[string]int, reviewer string) *rating {
	n, ok := stars[reviewer]
	if !ok {
		return &rating{Error: "Ratings service is currently unavailable"}
	}
	return &rating{Stars: &n, Color: s.color}
}

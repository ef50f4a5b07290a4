package bookinfo

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestDelays follows the fault-injection tasks of Istio's documentation: what the page and the API show, and after
// how long, when calls to a service are delayed. The clock is that of the synctest bubble.
func TestDelays(t *testing.T) {
	const (
		ok          = "Book Reviews"
		noStars     = "Ratings service is currently unavailable"
		unavailable = noReviews
	)
	for _, test := range []struct {
		name, version, host string
		delay, took         time.Duration
		page                string
	}{
		{"7 s in ratings outlast v2's callers", "v2", Ratings, 7 * time.Second, 6 * time.Second, unavailable},
		{"2 s in ratings are fine for v2", "v2", Ratings, 2 * time.Second, 2 * time.Second, ok},
		{"v3 gives up on ratings in time", "v3", Ratings, 7 * time.Second, 2500 * time.Millisecond, noStars},
		{"v1 does not ask ratings", "v1", Ratings, 7 * time.Second, 0, ok},
		{"a slow reviews is tried twice", "v1", Reviews, 4 * time.Second, 6 * time.Second, unavailable},
		{"a slow details is tried once", "v1", Details, 4 * time.Second, 3 * time.Second, noDetails},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMesh(t, test.version)
			m.delays[test.host+":9080"] = test.delay
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				w := m.get(Productpage, "/productpage")
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				checkStatus(t, w, http.StatusOK)
				checkText(t, w.Body.String(), test.page)
			})
		})
	}
}

func TestRatingsTimeoutOfV2(t *testing.T) {
	m := newMesh(t, "v2")
	m.delays["ratings:9080"] = time.Minute
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		checkText(t, m.get(Reviews, "/reviews/0").Body.String(), "Ratings service is currently unavailable")
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("took %v, want 10 s", took)
		}
	})
}

func TestTimeoutOfTheAPI(t *testing.T) {
	m := newMesh(t, "v1")
	m.delays["reviews:9080"] = time.Minute
	synctest.Test(t, func(t *testing.T) {
		w := m.get(Productpage, "/api/v1/products/0/reviews")
		checkStatus(t, w, http.StatusInternalServerError)
		checkJSON(t, w, `{"error":"`+noReviews+`"}`)
	})
}

package mesh_test

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// user returns the headers of a user's requests; nil for nobody in particular.
type user func(m *mesh) ([]string, error)

func jason(m *mesh) ([]string, error) { return m.login("jason") }
func anna(m *mesh) ([]string, error)  { return m.login("anna") }

func (u user) headers(m *mesh) ([]string, error) {
	if u == nil {
		return nil, nil
	}
	return u(m)
}

// all shows one after the other.
func all(shows ...func(*mesh) error) func(*mesh) error {
	return func(m *mesh) error {
		for _, show := range shows {
			if err := show(m); err != nil {
				return err
			}
		}
		return nil
	}
}

// served wants n requests to be answered by exactly these versions of reviews.
func served(n int, who user, versions ...string) func(*mesh) error {
	return func(m *mesh) error {
		headers, err := who.headers(m)
		if err != nil {
			return err
		}
		got := m.versions(n, headers...)
		if !slices.Equal(slices.Sorted(maps.Keys(got)), versions) {
			return fmt.Errorf("%d requests went to %v, not to %v", n, got, versions)
		}
		return nil
	}
}

// split wants one version to take a share in percent and the other the rest, within four standard deviations.
func split(one, other string, percent float64) func(*mesh) error {
	return func(m *mesh) error {
		const n = 600
		got := m.versions(n)
		p := percent / 100
		off := math.Abs(float64(got[one]) - n*p)
		if off > 4*math.Sqrt(n*p*(1-p)) || got[one]+got[other] != n {
			return fmt.Errorf("%d requests went to %v, not %v%% to %s and the rest to %s", n, got, percent, one, other)
		}
		return nil
	}
}

func answers(path string, status int) func(*mesh) error {
	return func(m *mesh) error {
		a, err := m.get(path)
		if err == nil && a.status != status {
			err = fmt.Errorf("GET %s: %d, not %d", path, a.status, status)
		}
		return err
	}
}

// page wants the page to come, with this text.
func page(text string) func(*mesh) error {
	return func(m *mesh) error {
		a, err := m.get("/productpage")
		if err == nil && (a.status != http.StatusOK || !strings.Contains(a.body, text)) {
			err = fmt.Errorf("the page is %d without %q", a.status, text)
		}
		return err
	}
}

// stars wants the reviews to show this of ratings.
func stars(who user, want string) func(*mesh) error {
	return func(m *mesh) error {
		headers, err := who.headers(m)
		if err != nil {
			return err
		}
		r, err := m.reviews(headers...)
		if err == nil && r.stars() != want {
			err = fmt.Errorf("%s by %s shows %q, not %q", r.PodName, headers, r.stars(), want)
		}
		return err
	}
}

const unavailable = "Ratings service is currently unavailable"

func noRatings(m *mesh) error {
	return all(served(10, nil, "v3"), stars(nil, unavailable), page("unavailable"), answers("/productpage", 200))(m)
}

// halfOfTheRatings wants every second call for ratings to fail, within four standard deviations of 100.
func halfOfTheRatings(m *mesh) error {
	if got := m.statuses(100); got["200"]+got["503"] != 100 || got["503"] < 30 || got["503"] > 70 {
		return fmt.Errorf("statuses: %v", got)
	}
	return nil
}

// delayed is the bug that the fault injection finds: productpage gives up after two tries of three seconds.
func delayed(m *mesh) error {
	headers, err := m.login("jason")
	if err != nil {
		return err
	}
	a, err := m.get("/productpage", headers...)
	m.t.Logf("jason's page took %s", a.took)
	if err == nil && (a.took < 5900*time.Millisecond || a.took > 10*time.Second || !strings.Contains(a.body, "reviews are currently unavailable")) {
		err = fmt.Errorf("jason's page came after %s: %d\n%s", a.took, a.status, a.body)
	}
	return err
}

// impatient wants two tries of half a second.
func impatient(m *mesh) error {
	a, err := m.get("/productpage")
	if err == nil && (a.took < 900*time.Millisecond || a.took > 1900*time.Millisecond || !strings.Contains(a.body, "reviews are currently unavailable")) {
		err = fmt.Errorf("the page came after %s: %d", a.took, a.status)
	}
	return err
}

// failingRatings adds a workload to ratings that fails every request, which is noticed without retries.
func failingRatings(m *mesh, text string) string {
	m.httpWorkload("ratings-bad", "ratings", "v1", 9080, http.StatusInternalServerError)
	eventually(m.t, "calls for ratings fail", func() error {
		if got := m.statuses(40); got["500"] < 10 {
			return fmt.Errorf("statuses: %v", got)
		}
		return nil
	})
	return text
}

func (m *mesh) statuses(n int) map[string]int {
	return count(n, func() string {
		a, err := m.get("/api/v1/products/0/ratings")
		if err != nil {
			return err.Error()
		}
		return strconv.Itoa(a.status)
	})
}

func noFailure(m *mesh) error {
	if got := m.statuses(100); got["200"] != 100 {
		return fmt.Errorf("statuses: %v", got)
	}
	return nil
}

// overflows wants the sidecar of productpage to refuse what exceeds one connection and one request.
func overflows(m *mesh) error {
	got := m.versions(80)
	if got["503"] == 0 || len(got) < 2 {
		return fmt.Errorf("of 80 requests, 8 at a time, none was refused: %v", got)
	}
	m.t.Logf("circuit breaker: %v", got)
	return nil
}

// mirrored wants reviews v3, which serves nobody, to call ratings.
func mirrored(m *mesh) error {
	before := m.requests("reviews-v3")
	_ = m.versions(40)
	eventually(m.t, "the copies arrive", func() error {
		if n := m.requests("reviews-v3") - before; n < 5 || n > 35 {
			return fmt.Errorf("reviews-v3 saw %d of 40 requests", n)
		}
		return nil
	})
	return nil
}

// requests that arrived at a workload, by the count of its Envoy.
func (m *mesh) requests(name string) int {
	m.t.Helper()
	sum := 0
	a, err := get(client, "http://"+m.workload(name).AdminAddress+"/clusters")
	if err != nil {
		m.t.Fatal(err)
	}
	for line := range strings.Lines(a.body) {
		if cluster, rest, ok := strings.Cut(line, "::"); ok && strings.HasPrefix(cluster, "inbound|") {
			if _, n, ok := strings.Cut(strings.TrimSpace(rest), "::rq_total::"); ok {
				value, _ := strconv.Atoi(n)
				sum += value
			}
		}
	}
	return sum
}

func headers(m *mesh) error {
	r, err := m.reviews()
	if err != nil || r.header.Get("x-served-for") != "everybody" || r.header.Get("x-envoy-upstream-service-time") != "" || r.PodName != "reviews-v1" {
		return fmt.Errorf("anybody: %s: %s %v", r.PodName, outcome(r.answer, err), r.header)
	}
	r, err = m.reviews("x-tester", "jason")
	if err != nil || r.header.Get("x-served-for") != "tester" || r.PodName != "reviews-v2" {
		return fmt.Errorf("a tester: %s: %s %v", r.PodName, outcome(r.answer, err), r.header)
	}
	return nil
}

func redirects(m *mesh) error {
	a, err := m.get("/books")
	if err != nil || a.status != http.StatusFound || !strings.HasSuffix(a.header.Get("location"), "/productpage") {
		return fmt.Errorf("/books: %s %v", outcome(a, err), a.header)
	}
	if a, err = get(client, a.header.Get("location")); err != nil || a.status != http.StatusOK {
		return fmt.Errorf("where /books leads: %s", outcome(a, err))
	}
	a, err = m.get("/catalog/0/reviews")
	if err != nil || a.status != http.StatusOK || !strings.Contains(a.body, "Reviewer1") {
		return fmt.Errorf("/catalog: %s", outcome(a, err))
	}
	return nil
}

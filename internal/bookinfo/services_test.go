package bookinfo

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDetails(t *testing.T) {
	m := newMesh(t, "v1")
	w := m.get(Details, "/details/7")
	checkStatus(t, w, http.StatusOK)
	checkText(t, w.Body.String(), `"id":7`, `"author":"William Shakespeare"`, `"ISBN-10"`, `"ISBN-13"`)
	checkStatus(t, m.get(Details, "/details/seven"), http.StatusBadRequest)
}

func TestReviewsByVersion(t *testing.T) {
	for version, want := range map[string][2]string{
		"v1": {"null", "null"},
		"v2": {`{"stars":5,"color":"black"}`, `{"stars":4,"color":"black"}`},
		"v3": {`{"stars":5,"color":"red"}`, `{"stars":4,"color":"red"}`},
	} {
		t.Run(version, func(t *testing.T) {
			w := newMesh(t, version).get(Reviews, "/reviews/0")
			checkStatus(t, w, http.StatusOK)
			checkJSON(t, w, reviewsJSON(version, want[0], want[1]))
		})
	}
}

func TestReviewsWithoutRatings(t *testing.T) {
	const unavailable = `{"error":"Ratings service is currently unavailable"}`
	for name, ratings := range map[string]http.Handler{
		"aborted":      answering(500, "fault filter abort"),
		"gone":         nil,
		"no JSON":      answering(200, "<html>"),
		"other JSON":   answering(200, "[1]"),
		"other rating": answering(200, `{"id":0,"ratings":{"Somebody":1}}`),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, "v3")
			m.handlers["ratings:9080"] = ratings
			w := m.get(Reviews, "/reviews/0")
			checkStatus(t, w, http.StatusOK)
			checkJSON(t, w, reviewsJSON("v3", unavailable, unavailable))
		})
	}
}

// reviewsJSON is the answer of reviews with these ratings; "null" for none.
func reviewsJSON(version, first, second string) string {
	one := func(reviewer, text, rating string) string {
		if rating != "null" {
			text += `","rating":` + rating
		} else {
			text += `"`
		}
		return fmt.Sprintf(`{"reviewer":%q,"text":"%s}`, reviewer, text)
	}
	return fmt.Sprintf(`{"id":"0","podname":"reviews-%s","clustername":"standalone","reviews":[%s,%s]}`, version,
		one("Reviewer1", "Two pairs of twins, one long day and not a dull scene: I laughed from the first beating to the last embrace.", first),
		one("Reviewer2", "Light, quick and silly in the best sense, though nobody will look here for the depth of the great tragedies.", second))
}

func TestRatings(t *testing.T) {
	m := newMesh(t, "v2")
	post := func(path, body string) *httptest.ResponseRecorder {
		return m.do(httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)), Ratings)
	}
	checkJSON(t, m.get(Ratings, "/ratings/0"), `{"id":0,"ratings":{"Reviewer1":5,"Reviewer2":4}}`)
	checkStatus(t, m.get(Ratings, "/ratings/x"), http.StatusBadRequest)
	checkStatus(t, post("/ratings/x", `{}`), http.StatusBadRequest)
	for _, bad := range []string{"", "null", "[]", `{"Reviewer1":"five"}`} {
		checkStatus(t, post("/ratings/0", bad), http.StatusBadRequest)
	}
	checkJSON(t, post("/ratings/0", `{"Reviewer1":0,"Reviewer2":3}`), `{"id":0,"ratings":{"Reviewer1":0,"Reviewer2":3}}`)
	checkJSON(t, m.get(Ratings, "/ratings/0"), `{"id":0,"ratings":{"Reviewer1":0,"Reviewer2":3}}`)
	checkJSON(t, m.get(Ratings, "/ratings/1"), `{"id":1,"ratings":{"Reviewer1":5,"Reviewer2":4}}`)
	checkText(t, m.get(Reviews, "/reviews/0").Body.String(), `{"stars":0,"color":"black"}`)
}

func TestRatingsKeepABoundedNumber(t *testing.T) {
	store := &ratingStore{posted: map[int]map[string]int{}}
	for id := range maxRated {
		if !store.set(id, nil) {
			t.Fatalf("book %d refused", id)
		}
	}
	if store.set(maxRated, nil) {
		t.Error("one book too many accepted")
	}
	if !store.set(0, nil) {
		t.Error("a known book refused")
	}
}

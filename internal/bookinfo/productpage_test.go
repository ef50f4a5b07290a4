package bookinfo

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestPageShowsTheBook(t *testing.T) {
	for version, wants := range map[string][]string{
		"v1": {"reviews-v1"},
		"v2": {"reviews-v2", `class="stars black"`, "★★★★★", "★★★★☆"},
		"v3": {"reviews-v3", `class="stars red"`, "★★★★★", "★★★★☆"},
	} {
		t.Run(version, func(t *testing.T) {
			w := newMesh(t, version).get(Productpage, "/productpage?u=normal")
			checkStatus(t, w, http.StatusOK)
			page := w.Body.String()
			checkText(t, page, "<title>Simple Bookstore App</title>", bookTitle, "Book Details", "William Shakespeare",
				"1595", "Book Reviews", "Reviewer1", "Reviewer2")
			checkText(t, page, wants...)
			if version == "v1" && strings.Contains(page, "★") {
				t.Error("v1 shows stars")
			}
		})
	}
}

func TestPageWithoutServices(t *testing.T) {
	m := newMesh(t, "v1")
	m.handlers["details:9080"] = answering(500, "upstream connect error: 10.0.0.7")
	m.handlers["reviews:9080"] = answering(200, `{"reviews":7}`)
	w := m.get(Productpage, "/productpage")
	checkStatus(t, w, http.StatusOK)
	checkText(t, w.Body.String(), "Error fetching product details!", noDetails, "Error fetching product reviews!", noReviews)
	if strings.Contains(w.Body.String(), "10.0.0.7") {
		t.Error("the page shows the raw error")
	}
}

func TestPageWithoutRatings(t *testing.T) {
	m := newMesh(t, "v2")
	m.handlers["ratings:9080"] = nil
	checkText(t, m.get(Productpage, "/productpage").Body.String(), "Reviewer1", "Ratings service is currently unavailable")
}

func TestPageEscapes(t *testing.T) {
	const script = "<script>alert(1)</script>"
	m := newMesh(t, "v1")
	m.handlers["reviews:9080"] = answering(200, `{"podname":"`+script+`","reviews":[{"reviewer":"`+script+
		`","text":"`+script+`","rating":{"stars":1000000000,"color":"\"><script>"}}]}`)
	page := m.get(Productpage, "/productpage").Body.String()
	if strings.Contains(page, "<script>") {
		t.Errorf("a script got through:\n%s", page)
	}
	checkText(t, page, "&lt;script&gt;", "★★★★★")
}

func TestAPI(t *testing.T) {
	m := newMesh(t, "v3")
	checkText(t, m.get(Productpage, "/api/v1/products").Body.String(), `[{"id":0,"title":"The Comedy of Errors"`)
	checkText(t, m.get(Productpage, "/api/v1/products/0").Body.String(), `"author":"William Shakespeare"`)
	checkText(t, m.get(Productpage, "/api/v1/products/0/reviews").Body.String(), `"podname":"reviews-v3"`, `"color":"red"`)
	checkJSON(t, m.get(Productpage, "/api/v1/products/0/ratings"), `{"id":0,"ratings":{"Reviewer1":5,"Reviewer2":4}}`)
	m.handlers["details:9080"] = answering(555, "injected")
	w := m.get(Productpage, "/api/v1/products/0")
	checkStatus(t, w, 555)
	checkJSON(t, w, `{"error":"`+noDetails+`"}`)
	checkStatus(t, m.get(Productpage, "/api/v1/products/..%2Fhealth"), 555)
}

func TestIndexStaticAndMetrics(t *testing.T) {
	m := newMesh(t, "v1")
	for _, path := range []string{"/", "/index.html"} {
		checkText(t, m.get(Productpage, path).Body.String(), "productpage?u=normal", "productpage?u=test")
	}
	checkText(t, m.get(Productpage, "/static/bookinfo.css").Body.String(), ".stars.red")
	m.get(Productpage, "/productpage")
	checkText(t, m.get(Productpage, "/metrics").Body.String(),
		`request_result_total{destination_app="details",response_code="200"} 1`,
		`request_result_total{destination_app="reviews",response_code="200"} 1`)
}

func postLogin(m *mesh, user string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"username": {user}, "passwd": {"x"}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return m.do(r, Productpage, headers...)
}

func TestLogin(t *testing.T) {
	m := newMesh(t, "v1")
	w := postLogin(m, " jason ", "Referer", "http://localhost:8080/productpage?u=test")
	checkStatus(t, w, http.StatusFound)
	if got := w.Header().Get("Location"); got != "/productpage?u=test" {
		t.Errorf("goes on to %q", got)
	}
	session := w.Result().Cookies()[0]
	m.seen = make(chan *http.Request, 2)
	page := m.get(Productpage, "/productpage", "Cookie", session.String(), "End-User", "mallory")
	checkText(t, page.Body.String(), "jason", "sign out")
	for range 2 {
		if got := (<-m.seen).Header.Get("End-User"); got != "jason" {
			t.Errorf("the services are told that the user is %q", got)
		}
	}
	w = m.get(Productpage, "/logout")
	checkStatus(t, w, http.StatusFound)
	if cookie := w.Result().Cookies()[0]; cookie.MaxAge >= 0 || w.Header().Get("Location") != "/productpage" {
		t.Errorf("logout: cookie %v, location %q", cookie, w.Header().Get("Location"))
	}
}

func TestLoginRefuses(t *testing.T) {
	m := newMesh(t, "v1")
	for _, user := range []string{"", "  ", "a\r\nx-admin: yes", strings.Repeat("j", maxUser+1)} {
		checkStatus(t, postLogin(m, user), http.StatusBadRequest)
	}
	checkStatus(t, m.get(Productpage, "/login"), http.StatusMethodNotAllowed)
	for _, referer := range []string{"http://h//evil.example", `http://h/\evil.example`, "http://h/%5cevil.example", "://", "mailto:x"} {
		if got := postLogin(m, "jason", "Referer", referer).Header().Get("Location"); got != "/productpage" {
			t.Errorf("%s: goes on to %q", referer, got)
		}
	}
	for _, cookie := range []string{"session=%%%", "session=DQo"} { // no base64; a line break
		if page := m.get(Productpage, "/productpage", "Cookie", cookie).Body.String(); strings.Contains(page, "sign out") {
			t.Errorf("%s counts as a login", cookie)
		}
	}
}

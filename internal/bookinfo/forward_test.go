package bookinfo

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestHeadersAreForwarded follows one request from the page to ratings.
func TestHeadersAreForwarded(t *testing.T) {
	m := newMesh(t, "v2")
	m.seen = make(chan *http.Request, 3)
	r := httptest.NewRequest(http.MethodGet, "/productpage", nil)
	for _, name := range forwarded {
		r.Header.Set(name, "value of "+name)
	}
	r.Header.Set("X-Secret", "mine")
	r.Header.Set("Accept-Language", "de")
	checkStatus(t, m.do(r, Productpage), http.StatusOK)
	hosts := map[string]bool{}
	for range 3 {
		call := <-m.seen
		hosts[call.URL.Host] = true
		for _, name := range forwarded {
			if got := call.Header.Get(name); got != "value of "+name {
				t.Errorf("%s: %s is %q", call.URL.Host, name, got)
			}
		}
		for _, name := range []string{"X-Secret", "Accept-Language"} {
			if call.Header.Get(name) != "" {
				t.Errorf("%s: %s is forwarded", call.URL.Host, name)
			}
		}
	}
	if !hosts["details:9080"] || !hosts["reviews:9080"] || !hosts["ratings:9080"] {
		t.Errorf("calls went to %v", hosts)
	}
}

func TestForwardedNamesAreCanonical(t *testing.T) {
	for _, name := range forwarded {
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s never matches: write %s", name, http.CanonicalHeaderKey(name))
		}
	}
}

package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

type reached struct{ n int }

func (r *reached) RoundTrip(*http.Request) (*http.Response, error) {
	r.n++
	return httptest.NewRecorder().Result(), nil
}

func TestOnlyWhatWritesNothingPasses(t *testing.T) {
	for _, c := range []struct {
		method, url string
		passes      bool
	}{
		{"GET", "/api/v1/pods", true},
		{"PATCH", "/api/v1/namespaces/a/configmaps/b?dryRun=All&fieldManager=meshctl", true},
		{"PATCH", "/api/v1/namespaces/a/configmaps/b?fieldManager=meshctl", false},
		{"PATCH", "/api/v1/namespaces/a/configmaps/b?dryRun=", false},
		{"PATCH", "/api/v1/namespaces/a/configmaps/b?dryRun=All&dryRun=None", false},
		{"DELETE", "/api/v1/namespaces/a", false},
		{"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", true},
		{"POST", "/apis/example.com/v1/namespaces/a/selfsubjectaccessreviews", false},
		{"GET", "/api/v1/namespaces/a/pods/b/exec?command=rm", false},
		{"GET", "/api/v1/namespaces/a/services/b/proxy/delete", false},
	} {
		var next reached
		response, err := readOnly{&next}.RoundTrip(httptest.NewRequest(c.method, c.url, nil))
		if err == nil {
			_ = response.Body.Close()
		}
		if (err == nil) != c.passes || (next.n == 1) != c.passes || err != nil && !errors.Is(err, ErrWrites) {
			t.Errorf("%s %s: %v", c.method, c.url, err)
		}
	}
}

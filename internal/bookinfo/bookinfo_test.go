package bookinfo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mesh routes calls by host name to handlers in memory, after the delay of the host's fault if there is one.
type mesh struct {
	handlers map[string]http.Handler
	delays   map[string]time.Duration
	seen     chan *http.Request // every call, as it leaves the caller; nil to not look
}

func (m *mesh) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.seen != nil {
		m.seen <- r
	}
	if d := m.delays[r.URL.Host]; d > 0 {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	handler := m.handlers[r.URL.Host]
	if handler == nil {
		handler = answering(http.StatusServiceUnavailable, "no healthy upstream")
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err // the handler shares the caller's context: it ended with it, too late for the caller
	}
	return w.Result(), nil
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// newMesh returns a mesh with every service, reviews in the given version.
func newMesh(t *testing.T, reviewsVersion string) *mesh {
	t.Helper()
	m := &mesh{handlers: map[string]http.Handler{}, delays: map[string]time.Duration{}}
	for _, o := range []Options{
		{Service: Productpage}, {Service: Details}, {Service: Reviews, Version: reviewsVersion}, {Service: Ratings},
	} {
		o.Transport = m
		handler, err := NewHandler(o)
		if err != nil {
			t.Fatal(err)
		}
		m.handlers[o.Service+":9080"] = handler
	}
	return m
}

// get asks service for path; headers are name, value pairs.
func (m *mesh) get(service, path string, headers ...string) *httptest.ResponseRecorder {
	return m.do(httptest.NewRequest(http.MethodGet, path, nil), service, headers...)
}

func (m *mesh) do(r *http.Request, service string, headers ...string) *httptest.ResponseRecorder {
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	m.handlers[service+":9080"].ServeHTTP(w, r)
	return w
}

func checkStatus(t *testing.T, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Fatalf("status %d, want %d; body: %s", w.Code, want, w.Body)
	}
}

func checkJSON(t *testing.T, w *httptest.ResponseRecorder, want string) {
	t.Helper()
	var got, wanted any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
	if kind := w.Header().Get("Content-Type"); kind != "application/json" {
		t.Errorf("content type %q", kind)
	}
}

func checkText(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestHealth(t *testing.T) {
	m := newMesh(t, "v1")
	for service, want := range map[string]string{
		Productpage: "Product page is healthy",
		Details:     `{"status":"Details is healthy"}`,
		Reviews:     `{"status":"Reviews is healthy"}`,
		Ratings:     `{"status":"Ratings is healthy"}`,
	} {
		w := m.get(service, "/health")
		checkStatus(t, w, http.StatusOK)
		if got := strings.TrimSpace(w.Body.String()); got != want {
			t.Errorf("%s: %q, want %q", service, got, want)
		}
	}
}

func TestUnknownServiceOrVersion(t *testing.T) {
	for _, o := range []Options{{}, {Service: "basket"}, {Service: Reviews, Version: "v4"}} {
		if _, err := NewHandler(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

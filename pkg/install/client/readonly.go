package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// ErrWrites is the error of a request that would have changed the cluster, through a client that may not.
var ErrWrites = errors.New("a plan changes nothing")

// readOnly lets through what changes nothing: reads, writes with dryRun=All, and the questions of the authorization API, which are asked
// by creating objects that nobody keeps.
type readOnly struct{ next http.RoundTripper }

func (t readOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if harmless(r) {
		return t.next.RoundTrip(r)
	}
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, ErrWrites)
}

// WrappedRoundTripper lets client-go reach the transport below, to close its connections.
func (t readOnly) WrappedRoundTripper() http.RoundTripper { return t.next }

func harmless(r *http.Request) bool {
	path := strings.Trim(r.URL.Path, "/")
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		// These are no reads although they look like it: they run commands and carry requests into pods.
		last := path[strings.LastIndexByte(path, '/')+1:]
		return !slices.Contains([]string{"exec", "attach", "portforward"}, last) && !strings.Contains("/"+path+"/", "/proxy/")
	case http.MethodPost:
		if strings.HasPrefix(path, "apis/authorization.k8s.io/") && strings.HasSuffix(path, "/selfsubjectaccessreviews") {
			return true
		}
	}
	return slices.Equal(r.URL.Query()["dryRun"], []string{"All"})
}

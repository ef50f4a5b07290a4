package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// describe says in one line what was wrong with a result.
func describe(r Result) string {
	switch {
	case errors.Is(r.Err, context.DeadlineExceeded):
		return fmt.Sprintf("%s: no answer within %v", r.URL, r.Latency.Round(time.Millisecond))
	case r.Err != nil:
		return fmt.Sprintf("%s: %v", r.URL, cause(r.Err))
	default:
		return fmt.Sprintf("%s: %d %s", r.URL, r.Status, http.StatusText(r.Status))
	}
}

// cause takes off what net/http wraps around an error: method and URL, which a result has already.
func cause(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

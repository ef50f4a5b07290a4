package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// transient reports whether a call that failed may succeed when it is tried again: the server has too much to do, starts, or has gone for a
// moment. A webhook that does not answer looks the same.
func transient(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		switch code := status.Status().Code; {
		case code == http.StatusTooManyRequests, code >= 500 && code != http.StatusNotImplemented && code != http.StatusInsufficientStorage:
			return true
		case code == http.StatusConflict: // somebody else was quicker; field managers in conflict stay so
			return !HasConflicts(err) && !apierrors.IsAlreadyExists(err)
		}
		return false
	}
	if errors.Is(err, ErrWrites) {
		return false
	}
	return utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || utilnet.IsProbableEOF(err) || utilnet.IsTimeout(err) ||
		utilnet.IsHTTP2ConnectionLost(err) || errors.Is(err, syscall.EPIPE) || errors.Is(err, context.DeadlineExceeded)
}

// Conflict is a field that another manager owns, with another value.
type Conflict struct {
	Manager string // with how it wrote when that is known, as in "kubectl-edit using apps/v1"
	Field   string // as in .spec.replicas
}

// Conflicts returns the conflicts for which an apply was refused.
func Conflicts(err error) []Conflict {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var out []Conflict
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			manager := strings.ReplaceAll(strings.TrimPrefix(cause.Message, "conflict with "), `"`, "")
			out = append(out, Conflict{manager, cause.Field})
		}
	}
	return out
}

// HasConflicts reports whether an apply was refused for the sake of other managers.
func HasConflicts(err error) bool { return len(Conflicts(err)) > 0 }

// unreachable makes one line of the error of a server that did not answer; errors that the server answered with stay.
func (c *Client) unreachable(err error) error {
	var sent *url.Error
	switch {
	case errors.As(err, &sent) && !errors.Is(err, ErrWrites) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("the cluster at %s does not answer: %w", c.base.Host, sent.Err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the cluster at %s does not answer in time: %w", c.base.Host, err)
	}
	return err
}

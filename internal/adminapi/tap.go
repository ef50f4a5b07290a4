package adminapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/meshctl/meshctl/pkg/tap"
)

const (
	// tapWrite is how long a viewer may take to read a line; one that takes longer has gone.
	tapWrite = 30 * time.Second
	// tapSilence is how long the control plane may say nothing: it repeats its status more often.
	tapSilence = 20 * time.Second
	// maxLine bounds one line of an answer.
	maxLine = 1 << 20
)

// ErrEnded is returned when the control plane ends an answer that was to last.
var ErrEnded = errors.New("the control plane has ended the connection")

// InputError is a mistake in a question, in words for whoever asked.
type InputError struct{ Message string }

func (e *InputError) Error() string { return e.Message }

func (h handler) tap(w http.ResponseWriter, r *http.Request) {
	question, err := tap.ParseRequest(r.URL.Query())
	if err != nil {
		fail(w, http.StatusBadRequest, &Error{Message: err.Error()})
		return
	}
	out, begun := http.NewResponseController(w), false
	err = h.backend.Tap(r.Context(), question, func(l tap.Line) error {
		if !begun {
			w.Header().Set("Content-Type", "application/x-ndjson")
			begun = true
		}
		if err := out.SetWriteDeadline(time.Now().Add(tapWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		lines := json.NewEncoder(w)
		lines.SetEscapeHTML(false) // paths have ampersands
		if err := lines.Encode(l); err != nil {
			return err
		}
		return out.Flush()
	})
	var input *InputError
	switch {
	case begun || err == nil:
	case errors.As(err, &input):
		fail(w, http.StatusBadRequest, &Error{Message: err.Error()})
	default:
		fail(w, http.StatusServiceUnavailable, &Error{Message: err.Error()})
	}
}

// Tap shows requests of the mesh until ctx ends, which is no error, or until each fails. The first line is a tap.Status. While it runs, and
// at most a second longer, the proxies concerned report requests; nothing else in the mesh waits for the caller.
func (c *Client) Tap(ctx context.Context, r tap.Request, each func(tap.Line) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(tapSilence, func() { cancel(fmt.Errorf("%w at %s: nothing heard for %s", ErrUnreachable, c.address, tapSilence)) })
	defer silent.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/tap?"+r.Query().Encode(), nil)
	if err != nil {
		return fmt.Errorf("control plane address %q: %w", c.address, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return ended(cause)
		}
		return c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return c.tapRefused(resp)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		silent.Reset(tapSilence)
		var l tap.Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("control plane at %s answered with something else than requests: %w", c.address, err)
		}
		if err := each(l); err != nil {
			return err
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return ended(cause)
	}
	return fmt.Errorf("%w: %s", ErrEnded, c.address)
}

// ended is what became of a call whose context has ended: the caller's own doing is no error.
func ended(cause error) error {
	if errors.Is(cause, ErrUnreachable) {
		return cause
	}
	return nil
}

func (c *Client) tapRefused(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxLine))
	if err != nil {
		return fmt.Errorf("%w: %s", ErrEnded, c.address)
	}
	var e Error
	switch decoded := json.Unmarshal(body, &e) == nil && e.Message != ""; {
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("the control plane at %s is too old to show requests: upgrade it", c.address)
	case decoded && resp.StatusCode == http.StatusBadRequest:
		return &InputError{e.Message}
	case decoded:
		return &e
	}
	return fmt.Errorf("control plane at %s answered with %s: %.200s", c.address, resp.Status, bytes.TrimSpace(body))
}

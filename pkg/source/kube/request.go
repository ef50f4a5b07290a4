package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

var (
	// ErrUnreachable is the error of a cluster that does not answer.
	ErrUnreachable = errors.New("does not answer")
	// ErrUnauthorized is the error of a cluster that does not accept the credentials.
	ErrUnauthorized = errors.New("does not accept the credentials")

	errForbidden = errors.New("forbidden")
	errRefused   = errors.New("the server answered") // what asking again will hardly change
	errLate      = errors.New("the server answered late")
	errNotFound  = errors.New("not found")
	errGone      = errors.New("the list changed faster than it could be read")
)

const (
	// maxPage bounds what is read of one answer, in bytes.
	maxPage = 512 << 20
	// maxTries is how often a request is sent that the server has no time for.
	maxTries = 5
	// maxPause is the longest wait before the next try.
	maxPause = 10 * time.Second
)

// describe reads a small document. A server that is silent is unreachable.
func (c *Cluster) describe(ctx context.Context, path string, into any) error {
	return c.get(ctx, c.o.AnswerTimeout, path, nil, func(body io.Reader) error {
		if err := json.NewDecoder(body).Decode(into); err != nil {
			return fmt.Errorf("%s is not a description of an API: %w", path, err)
		}
		return nil
	})
}

// page reads one page of a list.
func (c *Cluster) page(ctx context.Context, path string, query url.Values, item func([]byte)) (p page, err error) {
	err = c.get(ctx, c.o.PageTimeout, path, query, func(body io.Reader) error {
		p, err = readList(body, item)
		return err
	})
	return p, err
}

// get asks for a document and hands it to read. It tries again when the server says that it has too much to do. The timeout begins when
// it is this request's turn.
func (c *Cluster) get(ctx context.Context, timeout time.Duration, path string, query url.Values, read func(io.Reader) error) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return c.unreachable(ctx, ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for try := 1; ; try++ {
		pause, err := c.once(ctx, path, query, read)
		if pause == 0 || try == maxTries {
			return err
		}
		timer := time.NewTimer(min(pause, maxPause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// once sends one request. pause is how long to wait before the next one, 0 when there is no use in it.
func (c *Cluster) once(ctx context.Context, path string, query url.Values, read func(io.Reader) error) (pause time.Duration, err error) {
	address := c.base.JoinPath(path)
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return 0, c.unreachable(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK {
		if err := read(io.LimitReader(response.Body, maxPage)); err != nil {
			return 0, c.unread(ctx, err)
		}
		return 0, nil
	}
	return again(response), c.refused(response)
}

// again is how long the server asks to wait.
func again(response *http.Response) time.Duration {
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return time.Second
	}
	return time.Duration(seconds) * time.Second
}

func (c *Cluster) refused(response *http.Response) error {
	var status struct {
		Message string `json:"message"`
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if json.Unmarshal(body, &status) != nil || status.Message == "" {
		status.Message = response.Status
	}
	status.Message = clip(status.Message)
	switch response.StatusCode {
	case http.StatusUnauthorized:
		return fmt.Errorf("%s %w: %s", c.o.Name, ErrUnauthorized, status.Message)
	case http.StatusForbidden:
		return fmt.Errorf("%w: %s", errForbidden, status.Message)
	case http.StatusNotFound:
		return errNotFound
	case http.StatusGone:
		return errGone
	case http.StatusGatewayTimeout:
		return fmt.Errorf("%w: %s", errLate, status.Message)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return fmt.Errorf("the server answered %s: %s", response.Status, status.Message)
	default:
		return fmt.Errorf("%w %s: %s", errRefused, response.Status, status.Message)
	}
}

// unread is the error of an answer that broke off.
func (c *Cluster) unread(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("the answer broke off or is no list: %s", clip(err.Error()))
}

// unreachable is the error of a request without an answer. It keeps context.Canceled and DeadlineExceeded recognizable.
func (c *Cluster) unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		err = sent.Err // without the long URL
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return &silentError{c.o.Name, c.base.Host}
	}
	return fmt.Errorf("%s at %s %w: %s", c.o.Name, c.base.Host, ErrUnreachable, clip(err.Error()))
}

// silentError is both ErrUnreachable and context.DeadlineExceeded: which of them matters depends on whether the cluster had answered
// before.
type silentError struct{ name, host string }

func (e *silentError) Error() string {
	return fmt.Sprintf("%s at %s %v: timed out", e.name, e.host, ErrUnreachable)
}

func (e *silentError) Unwrap() []error { return []error{ErrUnreachable, context.DeadlineExceeded} }

// clip makes one short line of what a server or a library says.
func clip(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

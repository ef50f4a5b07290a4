package bookinfo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// maxBody bounds what is read of any request or answer, in bytes.
const maxBody = 1 << 20

// caller calls other services.
type caller struct {
	client *http.Client
	log    *slog.Logger
}

// get fetches url within timeout and returns the status and, for 200, the JSON of the body. A call without a usable
// answer has status 500, as the page reports it.
func (c caller) get(ctx context.Context, url string, header http.Header, timeout time.Duration) (int, json.RawMessage) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	status, body, err := c.fetch(ctx, url, header)
	if err != nil {
		c.log.Warn("call failed", "url", url, "error", err)
		return http.StatusInternalServerError, nil
	}
	if status != http.StatusOK {
		c.log.Warn("call failed", "url", url, "status", status)
		return status, nil
	}
	return status, body
}

func (c caller) fetch(ctx context.Context, url string, header http.Header) (int, json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header = header.Clone() // the transport of a repeated call must not see the edits of the first
	response, err := c.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return 0, nil, fmt.Errorf("reading the answer: %w", err)
	}
	if response.StatusCode == http.StatusOK && !json.Valid(body) {
		return 0, nil, errors.New("the answer is not JSON")
	}
	return response.StatusCode, body, nil
}

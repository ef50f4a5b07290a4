package adminapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/meshctl/meshctl/pkg/traffic"
)

// Counter knows what the proxies of a mesh have counted: a Client does.
type Counter interface {
	Traffic(ctx context.Context, namespace string) (traffic.Report, error)
}

func (h handler) traffic(w http.ResponseWriter, r *http.Request) {
	report, err := h.backend.Traffic(r.Context(), r.URL.Query().Get("namespace"))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	answer(w, report)
}

// Traffic asks every proxy of the control plane what it has counted. Whoever did not answer within two seconds is named in the report. For who
// wants to see one namespace only, it asks the proxies of that and those that they exchange traffic with; it takes up to four seconds until a new
// one of the latter is found.
func (c *Client) Traffic(ctx context.Context, namespace string) (traffic.Report, error) {
	report, err := get[traffic.Report](ctx, c, http.MethodGet, "/v1/traffic?"+url.Values{"namespace": {namespace}}.Encode())
	var refused *Error
	if errors.As(err, &refused) && refused.Message == "no such resource: GET /v1/traffic" {
		return report, fmt.Errorf("the control plane at %s is too old to know of traffic: upgrade it", c.address)
	}
	return report, err
}

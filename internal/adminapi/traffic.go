package adminapi

import (
	"context"
	"net/http"

	"github.com/meshctl/meshctl/pkg/traffic"
)

func (h handler) traffic(w http.ResponseWriter, r *http.Request) {
	round, err := h.backend.Traffic(r.Context())
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	answer(w, round)
}

// Traffic returns what all proxies have counted, as they say now.
func (c *Client) Traffic(ctx context.Context) (traffic.Round, error) {
	return get[traffic.Round](ctx, c, http.MethodGet, "/v1/traffic")
}

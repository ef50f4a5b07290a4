package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Listening returns the ports of Envoy's active listeners.
func (c Client) Listening(ctx context.Context) (map[uint32]bool, error) {
	body, err := c.do(ctx, http.MethodGet, "/listeners?format=json")
	if err != nil {
		return nil, err
	}
	type address struct {
		Socket struct {
			Port uint32 `json:"port_value"`
		} `json:"socket_address"`
	}
	var answer struct {
		Listeners []struct {
			Local address   `json:"local_address"`
			More  []address `json:"additional_local_addresses"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("admin interface of Envoy: /listeners: %w", err)
	}
	ports := map[uint32]bool{}
	for _, l := range answer.Listeners {
		for _, at := range append(l.More, l.Local) {
			ports[at.Socket.Port] = true
		}
	}
	return ports, nil
}

package adminapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// ErrUnknownGroup is what a Backend returns for a WorkloadGroup that it does not know.
var ErrUnknownGroup = errors.New("there is no such WorkloadGroup")

// WorkloadGroup is what whoever starts a workload of a group must know before the workload registers.
type WorkloadGroup struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// ServiceAccount of the group's workloads, "default" where the group names none.
	ServiceAccount string `json:"serviceAccount"`
}

func (h handler) group(w http.ResponseWriter, r *http.Request) {
	group, err := h.backend.WorkloadGroup(r.PathValue("namespace"), r.PathValue("name"))
	if err != nil {
		fail(w, http.StatusNotFound, &Error{Message: err.Error() + ": " + r.PathValue("namespace") + "/" + r.PathValue("name")})
		return
	}
	answer(w, group)
}

// WorkloadGroup describes a WorkloadGroup of the mesh's configuration.
func (c *Client) WorkloadGroup(ctx context.Context, namespace, name string) (WorkloadGroup, error) {
	return get[WorkloadGroup](ctx, c, http.MethodGet, "/v1/workloadgroups/"+url.PathEscape(namespace)+"/"+url.PathEscape(name))
}

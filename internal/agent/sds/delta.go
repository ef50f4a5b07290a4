package sds

import (
	"maps"
	"slices"
	"strconv"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"

	"github.com/meshctl/meshctl/internal/agent/certs"
	"github.com/meshctl/meshctl/internal/agent/discovery"
)

// DeltaSecrets is the incremental protocol: only what changed, by name.
func (s *Server) DeltaSecrets(stream secretv3.SecretDiscoveryService_DeltaSecretsServer) error {
	// The version of each subscribed name that Envoy has; "" when none.
	has := map[string]string{}
	nonce := 0
	request := func(r *discoveryv3.DeltaDiscoveryRequest) {
		if detail := r.GetErrorDetail(); detail != nil {
			s.log.Error("Envoy rejected a secret", "error", detail.GetMessage())
		}
		for _, name := range r.GetResourceNamesSubscribe() {
			has[name] = r.GetInitialResourceVersions()[name]
		}
		for _, name := range r.GetResourceNamesUnsubscribe() {
			delete(has, name)
		}
	}
	push := func(state certs.State) error {
		response := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: typeURL}
		for _, name := range slices.Sorted(maps.Keys(has)) {
			if found, ok := lookup(state, name); ok && has[name] != found.version {
				has[name] = found.version
				response.Resources = append(response.Resources,
					&discoveryv3.Resource{Name: name, Version: found.version, Resource: found.body})
			}
		}
		if len(response.GetResources()) == 0 {
			return nil
		}
		nonce++
		response.Nonce, response.SystemVersionInfo = strconv.Itoa(nonce), strconv.Itoa(nonce)
		return stream.Send(response)
	}
	return discovery.Converse(stream.Context(), s.source, stream.Recv, request, push)
}

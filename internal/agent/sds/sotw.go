package sds

import (
	"strconv"
	"strings"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/internal/agent/certs"
	"github.com/meshctl/meshctl/internal/agent/discovery"
)

// StreamSecrets is the state-of-the-world protocol: each response holds every secret that Envoy asked for and that exists.
func (s *Server) StreamSecrets(stream secretv3.SecretDiscoveryService_StreamSecretsServer) error {
	var names []string
	var sent string
	nonce := 0
	request := func(r *discoveryv3.DiscoveryRequest) {
		if detail := r.GetErrorDetail(); detail != nil {
			s.log.Error("Envoy rejected a secret", "names", r.GetResourceNames(), "error", detail.GetMessage())
		}
		// A request that answers an older response says nothing of the present one.
		if r.GetResponseNonce() == "" || r.GetResponseNonce() == strconv.Itoa(nonce) {
			if names = r.GetResourceNames(); r.GetResponseNonce() == "" {
				sent = ""
			}
		}
	}
	push := func(state certs.State) error {
		var versions []string
		var bodies []*anypb.Any
		for _, name := range names {
			if found, ok := lookup(state, name); ok {
				versions = append(versions, name+":"+found.version)
				bodies = append(bodies, found.body)
			}
		}
		version := strings.Join(versions, ",")
		if version == sent || len(bodies) == 0 {
			return nil
		}
		sent = version
		nonce++
		return stream.Send(&discoveryv3.DiscoveryResponse{
			VersionInfo: version, TypeUrl: typeURL, Nonce: strconv.Itoa(nonce), Resources: bodies,
		})
	}
	return discovery.Converse(stream.Context(), s.source, stream.Recv, request, push)
}

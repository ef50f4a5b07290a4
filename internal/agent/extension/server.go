package extension

import (
	"maps"
	"slices"
	"strconv"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	extensionv3 "github.com/envoyproxy/go-control-plane/envoy/service/extension/v3"
	"google.golang.org/grpc"

	"github.com/meshctl/meshctl/internal/agent/discovery"
)

// Server tells Envoy the Answers of a Manager, by the incremental protocol only.
type Server struct {
	extensionv3.UnimplementedExtensionConfigDiscoveryServiceServer
	manager *Manager
}

// NewServer returns a Server.
func NewServer(m *Manager) *Server { return &Server{manager: m} }

// Register implements discovery.Service.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	extensionv3.RegisterExtensionConfigDiscoveryServiceServer(r, s)
}

// subscriptions are what one stream of Envoy's asked for.
type subscriptions struct {
	manager *Manager
	// told is the version of each name that Envoy was told, "" when it was told nothing.
	told map[string]string
	// sent are the versions in the last response.
	sent  map[string]string
	nonce int
}

// DeltaExtensionConfigs serves one stream.
func (s *Server) DeltaExtensionConfigs(stream extensionv3.ExtensionConfigDiscoveryService_DeltaExtensionConfigsServer) error {
	subs := &subscriptions{manager: s.manager, told: map[string]string{}}
	defer func() {
		for name := range subs.told {
			s.manager.unwant(name)
		}
	}()
	push := func(answers Answers) error {
		if response := subs.response(answers); response != nil {
			return stream.Send(response)
		}
		return nil
	}
	return discovery.Converse(stream.Context(), discovery.Source[Answers](s.manager), stream.Recv, subs.request, push)
}

func (s *subscriptions) request(r *discoveryv3.DeltaDiscoveryRequest) {
	if detail := r.GetErrorDetail(); detail != nil && r.GetResponseNonce() == strconv.Itoa(s.nonce) {
		for name, version := range s.sent {
			s.manager.refused(name, version, detail.GetMessage())
		}
	}
	for _, name := range r.GetResourceNamesSubscribe() {
		if _, has := s.told[name]; !has {
			s.manager.want(name)
		}
		s.told[name] = r.GetInitialResourceVersions()[name]
	}
	for _, name := range r.GetResourceNamesUnsubscribe() {
		if _, has := s.told[name]; has {
			s.manager.unwant(name)
			delete(s.told, name)
		}
	}
}

// response is what Envoy has not been told yet, nil when it has been told all.
func (s *subscriptions) response(answers Answers) *discoveryv3.DeltaDiscoveryResponse {
	out := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: extensionType}
	sent := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.told)) {
		if resource := answers[name]; resource != nil && resource.GetVersion() != s.told[name] {
			s.told[name], sent[name] = resource.GetVersion(), resource.GetVersion()
			out.Resources = append(out.Resources, resource)
		}
	}
	if len(sent) == 0 {
		return nil
	}
	s.nonce++
	s.sent = sent
	out.Nonce, out.SystemVersionInfo = strconv.Itoa(s.nonce), strconv.Itoa(s.nonce)
	return out
}

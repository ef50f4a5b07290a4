package controlplanetest

import (
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// references are the names that Envoy asks for once it has a resource: endpoints of a cluster, routes of a listener.
func references(t testing.TB, content *anypb.Any) []string {
	message, err := content.UnmarshalNew()
	if err != nil {
		t.Errorf("what the control plane sent cannot be read: %v", err)
		return nil
	}
	switch m := message.(type) {
	case *clusterv3.Cluster:
		if m.GetType() != clusterv3.Cluster_EDS {
			return nil
		}
		if name := m.GetEdsClusterConfig().GetServiceName(); name != "" {
			return []string{name}
		}
		return []string{m.GetName()}
	case *listenerv3.Listener:
		return routesOf(m)
	}
	return nil
}

func routesOf(l *listenerv3.Listener) []string {
	var out []string
	add := func(config *anypb.Any) {
		manager := &hcmv3.HttpConnectionManager{}
		if config.MessageIs(manager) && config.UnmarshalTo(manager) == nil && manager.GetRds() != nil {
			out = append(out, manager.GetRds().GetRouteConfigName())
		}
	}
	add(l.GetApiListener().GetApiListener())
	for _, chain := range append(l.GetFilterChains(), l.GetDefaultFilterChain()) {
		for _, filter := range chain.GetFilters() {
			add(filter.GetTypedConfig())
		}
	}
	return out
}

package main

import (
	"fmt"
	"sync"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"
)

const (
	prefix      = "type.googleapis.com/envoy.config."
	clusterURL  = prefix + "cluster.v3.Cluster"
	endpointURL = prefix + "endpoint.v3.ClusterLoadAssignment"
	listenerURL = prefix + "listener.v3.Listener"
	routeURL    = prefix + "route.v3.RouteConfiguration"
)

// distinct is a resource that at least one proxy has, decoded once for all of them.
type distinct struct {
	name, version string
	// needs are the names that a proxy asks for because of this: endpoints of a cluster, routes of a listener.
	needs []string
	// marked is the experiment that waits for this resource, nil when none does.
	marked *experiment
}

// known holds every distinct resource by the hash of its type, name and version.
type known struct {
	mu         sync.RWMutex
	resources  map[uint64]*distinct
	experiment *experiment
}

func (k *known) watch(e *experiment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.experiment = e
}

func (k *known) get(url string, r encoded) (*distinct, error) {
	hash := xxh3.Hash(r.version)
	hash = xxh3.HashSeed(r.name, hash)
	hash = xxh3.HashStringSeed(url, hash)
	k.mu.RLock()
	d := k.resources[hash]
	k.mu.RUnlock()
	if d != nil {
		return d, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if d := k.resources[hash]; d != nil {
		return d, nil
	}
	d, err := decode(url, r)
	if err != nil {
		return nil, err
	}
	if k.experiment != nil && k.experiment.url == url && k.experiment.match(r.value) {
		d.marked = k.experiment
	}
	k.resources[hash] = d
	return d, nil
}

func decode(url string, r encoded) (*distinct, error) {
	d := &distinct{name: string(r.name), version: string(r.version)}
	switch url {
	case clusterURL:
		var c clusterv3.Cluster
		if err := proto.Unmarshal(r.value, &c); err != nil {
			return nil, fmt.Errorf("decode cluster %s: %w", r.name, err)
		}
		if c.GetType() == clusterv3.Cluster_EDS {
			name := c.GetEdsClusterConfig().GetServiceName()
			if name == "" {
				name = c.GetName()
			}
			d.needs = []string{name}
		}
	case listenerURL:
		var l listenerv3.Listener
		if err := proto.Unmarshal(r.value, &l); err != nil {
			return nil, fmt.Errorf("decode listener %s: %w", r.name, err)
		}
		d.needs = routesOf(&l)
	}
	return d, nil
}

// routesOf returns the names of the route configurations that a listener asks for.
func routesOf(l *listenerv3.Listener) []string {
	var out []string
	for _, chain := range append(l.GetFilterChains(), l.GetDefaultFilterChain()) {
		for _, filter := range chain.GetFilters() {
			var manager hcmv3.HttpConnectionManager
			if filter.GetTypedConfig().UnmarshalTo(&manager) == nil && manager.GetRds() != nil {
				out = append(out, manager.GetRds().GetRouteConfigName())
			}
		}
	}
	return out
}

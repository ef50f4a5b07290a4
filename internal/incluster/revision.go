package incluster

import (
	"context"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source"
)

// revisionLabel on an object of the mesh says which control plane it is for; without it the object is for all of them, as in Istio.
const revisionLabel = "istio.io/rev"

// kinds are those that a mesh is made of.
func kinds() []config.Kind {
	return []config.Kind{
		config.VirtualService, config.DestinationRule, config.Gateway, config.ServiceEntry, config.Sidecar, config.WorkloadEntry,
		config.WorkloadGroup, config.EnvoyFilter, config.ProxyConfig, config.WasmPlugin, config.TrafficExtension, config.Telemetry,
		config.PeerAuthn, config.RequestAuthn, config.AuthzPolicy,
		config.Service, config.Namespace, config.Pod, config.Node, config.Secret, config.ConfigMap, config.EndpointSlice,
		config.Ingress, config.IngressClass,
		config.GatewayClass, config.K8sGateway, config.HTTPRoute, config.GRPCRoute, config.TCPRoute, config.TLSRoute, config.UDPRoute,
		config.ListenerSet, config.ReferenceGrant, config.BackendTLSPolicy,
		config.TrafficSplit, config.TrafficTarget, config.HTTPRouteGroup, config.SMITCPRoute, config.SMIUDPRoute,
	}
}

// ofRevision is a source without the objects of other revisions.
type ofRevision struct {
	source.Source
	revision string
}

// Run implements source.Source.
func (s ofRevision) Run(ctx context.Context, emit func(config.Batch)) error {
	return s.Source.Run(ctx, func(b config.Batch) { emit(s.filter(b)) })
}

// filter makes of an object that went over to another revision one that is gone.
func (s ofRevision) filter(b config.Batch) config.Batch {
	if !slices.ContainsFunc(b.Upserts, s.foreign) {
		return b
	}
	kept := make([]*config.Object, 0, len(b.Upserts))
	deletes := slices.Clone(b.Deletes)
	for _, o := range b.Upserts {
		switch {
		case !s.foreign(o):
			kept = append(kept, o)
		case !b.Full:
			deletes = append(deletes, o.Key)
		}
	}
	b.Upserts, b.Deletes = kept, deletes
	return b
}

func (s ofRevision) foreign(o *config.Object) bool {
	rev := o.Meta.Labels[revisionLabel]
	return rev != "" && rev != s.revision && configuresMesh(o.Key.Kind)
}

// configuresMesh kinds are read by revision; what exists in the cluster anyway is there for all.
func configuresMesh(k config.Kind) bool {
	return k != config.WorkloadEntry && (strings.HasSuffix(k.Group, ".istio.io") || k.Group == config.HTTPRoute.Group)
}

// Package proxyconfig is the model of what an Envoy runs: it reads Envoy's own config dump (the admin endpoint
// /config_dump?include_eds, https://www.envoyproxy.io/docs/envoy/latest/operations/admin) or the resources that a
// control plane means it to run, summarises them in the columns that istioctl's users know, and compares two of them.
//
// Resources are kept as JSON trees with Envoy's field names, not as Go messages: an extension that this program does
// not know loses nothing, and one proxy's dump can be read by any version. Private keys are replaced while parsing.
package proxyconfig

import (
	"slices"
	"strings"
)

// Type URLs of the discovery service (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol).
const (
	ListenerType  = "type.googleapis.com/envoy.config.listener.v3.Listener"
	RouteType     = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
	ClusterType   = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	EndpointType  = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	SecretType    = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
	ExtensionType = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
	bootstrapType = "type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap"
)

// Tree is a JSON object: values are nil, bool, string, json.Number, []any or Tree's underlying map[string]any.
type Tree = map[string]any

// State says what Envoy does with a resource.
type State string

const (
	// Static resources are part of the bootstrap.
	Static State = "STATIC"
	// Active resources came from the control plane and are in use.
	Active State = "ACTIVE"
	// Warming resources wait for what they refer to (endpoints, secrets, routes) and are not in use yet.
	Warming State = "WARMING"
	// Draining listeners finish their connections and go away.
	Draining State = "DRAINING"
	// Failed resources were refused; an older version may be Active beside them.
	Failed State = "ERROR"
)

// Resource is one resource in one state: a listener that is active while its successor warms is two of them.
type Resource struct {
	Type        string // type URL
	Name        string
	State       State
	Version     string // of the update that brought it; empty when Envoy does not say
	LastUpdated string // RFC 3339, as Envoy wrote it
	// Body is the resource by Envoy's field names, with fields at their default left out and private keys replaced. It
	// must not be changed.
	Body Tree
	// Error is why Envoy refused it, in Envoy's words; set when State is Failed.
	Error string
}

// Dynamic reports whether the resource came from a control plane.
func (r Resource) Dynamic() bool { return r.State != Static }

// Dump is everything that one Envoy runs. Each list is ordered by name, then state.
type Dump struct {
	Bootstrap  *Resource
	Listeners  []Resource
	Routes     []Resource // named (RDS) ones and those within listeners, which are Static
	Clusters   []Resource
	Endpoints  []Resource
	Secrets    []Resource
	Extensions []Resource // extension configuration discovery (ECDS)
	// Other holds sections of the dump that have no place above, as they were.
	Other []Tree
}

// list returns the list that holds resources of a type, or nil.
func (d *Dump) list(typeURL string) *[]Resource {
	switch typeURL {
	case ListenerType:
		return &d.Listeners
	case RouteType:
		return &d.Routes
	case ClusterType:
		return &d.Clusters
	case EndpointType:
		return &d.Endpoints
	case SecretType:
		return &d.Secrets
	case ExtensionType:
		return &d.Extensions
	default:
		return nil
	}
}

// Types returns the type URLs that Resources knows, in the order of dependence: clusters first.
func Types() []string {
	return []string{ClusterType, EndpointType, ListenerType, RouteType, SecretType, ExtensionType}
}

// Resources returns the resources of one type, nil for a type that is not one of Types.
func (d *Dump) Resources(typeURL string) []Resource {
	if l := d.list(typeURL); l != nil {
		return *l
	}
	return nil
}

func (d *Dump) sort() {
	for _, t := range Types() {
		slices.SortStableFunc(*d.list(t), func(a, b Resource) int {
			if c := strings.Compare(a.Name, b.Name); c != 0 {
				return c
			}
			return strings.Compare(string(a.State), string(b.State))
		})
	}
}

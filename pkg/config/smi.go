package config

import (
	"encoding/json"
	"maps"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The types of the Service Mesh Interface, whose own Go module is archived. One type serves every version of a kind:
// the fields that v1alpha1 and v1alpha2 had at the top level are moved under Spec while decoding.
// See https://github.com/servicemeshinterface/smi-spec.

// SMITrafficSplit divides the traffic to a root service between backends (split.smi-spec.io).
type SMITrafficSplit struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              SMITrafficSplitSpec `json:"spec"`
}

// SMITrafficSplitSpec says which service is split, between which, for which requests.
type SMITrafficSplitSpec struct {
	Service  string                   `json:"service"`
	Backends []SMITrafficSplitBackend `json:"backends"`
	Matches  []SMIReference           `json:"matches,omitempty"`
}

// SMITrafficSplitBackend is one share. Weights are relative to each other; v1alpha1 writes quantities such as 500m, so
// compare them by Weight.MilliValue.
type SMITrafficSplitBackend struct {
	Service string            `json:"service"`
	Weight  resource.Quantity `json:"weight"`
}

// SMIReference names an object of the same namespace.
type SMIReference struct {
	APIGroup *string `json:"apiGroup,omitempty"`
	Kind     string  `json:"kind"`
	Name     string  `json:"name"`
}

// SMITrafficTarget allows sources to reach a destination (access.smi-spec.io).
type SMITrafficTarget struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              SMITrafficTargetSpec `json:"spec"`

	// As v1alpha1 writes them; empty after decoding.
	Destination *SMISubject  `json:"destination,omitempty"`
	Sources     []SMISubject `json:"sources,omitempty"`
	Specs       []SMIRule    `json:"specs,omitempty"`
}

// SMITrafficTargetSpec is the body of a TrafficTarget.
type SMITrafficTargetSpec struct {
	Destination SMISubject   `json:"destination"`
	Sources     []SMISubject `json:"sources"`
	Rules       []SMIRule    `json:"rules"`
}

// SMISubject names a service account. An empty Namespace means that of the object.
type SMISubject struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	Port      *int   `json:"port,omitempty"`
}

// SMIRule names a route object and some of its matches; no matches means all of them.
type SMIRule struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Matches []string `json:"matches,omitempty"`
}

// SMIHTTPRouteGroup describes HTTP requests (specs.smi-spec.io).
type SMIHTTPRouteGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              SMIHTTPRouteGroupSpec `json:"spec"`

	// As v1alpha1 and v1alpha2 write them; empty after decoding.
	Matches []SMIHTTPMatch `json:"matches,omitempty"`
}

// SMIHTTPRouteGroupSpec is the body of an HTTPRouteGroup.
type SMIHTTPRouteGroupSpec struct {
	Matches []SMIHTTPMatch `json:"matches"`
}

// SMIHTTPMatch matches requests by path, method and headers; what is empty matches everything.
type SMIHTTPMatch struct {
	Name      string     `json:"name"`
	Methods   []string   `json:"methods,omitempty"`
	PathRegex string     `json:"pathRegex,omitempty"`
	Headers   SMIHeaders `json:"headers,omitempty"`
}

// SMIHeaders are regular expressions by header name. The published schema has a list of mappings, the specification's
// own examples one mapping: both are read.
type SMIHeaders map[string]string

// SMIPortRoute describes TCP or UDP traffic by port (specs.smi-spec.io TCPRoute and UDPRoute).
type SMIPortRoute struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              SMIPortRouteSpec `json:"spec,omitempty"`
}

// SMIPortRouteSpec is the body of a TCPRoute or UDPRoute.
type SMIPortRouteSpec struct {
	Matches SMIPortMatch `json:"matches,omitempty"`
}

// SMIPortMatch lists ports; none means all.
type SMIPortMatch struct {
	Name  string `json:"name,omitempty"`
	Ports []int  `json:"ports,omitempty"`
}

func finishTrafficTarget(object any) {
	t := object.(*SMITrafficTarget)
	if t.Destination != nil {
		t.Spec.Destination = *t.Destination
	}
	t.Spec.Sources = append(t.Spec.Sources, t.Sources...)
	t.Spec.Rules = append(t.Spec.Rules, t.Specs...)
	t.Destination, t.Sources, t.Specs = nil, nil, nil
}

func finishHTTPRouteGroup(object any) {
	g := object.(*SMIHTTPRouteGroup)
	g.Spec.Matches = append(g.Spec.Matches, g.Matches...)
	g.Matches = nil
}

// UnmarshalJSON reads a mapping or a list of mappings.
func (h *SMIHeaders) UnmarshalJSON(data []byte) error {
	var list []map[string]string
	if data[0] == '[' {
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
	} else {
		list = make([]map[string]string, 1)
		if err := json.Unmarshal(data, &list[0]); err != nil {
			return err
		}
	}
	*h = SMIHeaders{}
	for _, m := range list {
		maps.Copy(*h, m)
	}
	return nil
}

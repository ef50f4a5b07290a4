package mesh

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
)

// parseServiceEntry resolves a ServiceEntry: one service for each host.
func (t *update) parseServiceEntry(o *config.Object) (*definition, []config.Problem) {
	in, ok := o.Spec.(*networking.ServiceEntry)
	if !ok {
		return nil, nil
	}
	c := &entryCheck{object: o, resolution: entryResolution(in.Resolution)}
	c.whole(in)
	model := Service{
		Namespace:       o.Key.Namespace,
		Ports:           c.ports(in.Ports),
		Addresses:       c.addresses(in.Addresses),
		Resolution:      c.resolution,
		External:        in.Location == networking.ServiceEntry_MESH_EXTERNAL,
		SubjectAltNames: slices.Clone(in.SubjectAltNames),
		Visibility:      visibility(in.ExportTo, t.config.Mesh.DefaultServiceExportTo, o.Key.Namespace),
		Created:         o.Meta.Created,
		From:            o.Key,
	}
	d := &definition{Object: o}
	if in.WorkloadSelector != nil && len(in.Endpoints) == 0 {
		d.Selector = in.WorkloadSelector.Labels
		if d.Selector == nil {
			d.Selector = map[string]string{}
		}
	}
	for _, e := range c.endpoints(in) {
		d.Inline = append(d.Inline, t.entryInstance(o, e, nil))
	}
	for i, host := range in.Hosts {
		s := model
		s.Host = strings.ToLower(strings.TrimSuffix(host, "."))
		if !c.host(fmt.Sprintf("spec.hosts[%d]", i), &s, d) {
			continue
		}
		s.Digest = digest.Of(s)
		d.Services = append(d.Services, &s)
	}
	if len(d.Services) == 0 {
		return nil, c.problems
	}
	return d, c.problems
}

func entryResolution(r networking.ServiceEntry_Resolution) Resolution {
	switch r {
	case networking.ServiceEntry_STATIC:
		return Static
	case networking.ServiceEntry_DNS:
		return DNS
	case networking.ServiceEntry_DNS_ROUND_ROBIN:
		return DNSRoundRobin
	case networking.ServiceEntry_DYNAMIC_DNS:
		return DynamicDNS
	}
	return Passthrough
}

func isUnix(address string) bool { return strings.HasPrefix(address, "unix://") }

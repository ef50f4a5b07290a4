package mesh

import (
	"cmp"
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
	ports, problems := entryPorts(o, in.Ports)
	model := Service{
		Namespace:       o.Key.Namespace,
		Ports:           ports,
		Addresses:       without(in.Addresses, func(a string) bool { return !isIP(a) && !isCIDR(a) }),
		Resolution:      entryResolution(in.Resolution),
		External:        in.Location == networking.ServiceEntry_MESH_EXTERNAL,
		SubjectAltNames: slices.Clone(in.SubjectAltNames),
		Visibility:      visibility(in.ExportTo, t.config.Mesh.DefaultServiceExportTo, o.Key.Namespace),
		Created:         o.Meta.Created,
		From:            o.Key,
	}
	for i, a := range in.Addresses {
		if !slices.Contains(model.Addresses, a) {
			problems = append(problems, problem(o, config.Warning, fmt.Sprintf("spec.addresses[%d]", i),
				fmt.Sprintf("%q is neither an IP address nor a CIDR; it is left out", a), "write for example 240.0.0.1 or 10.1.0.0/16"))
		}
	}
	d := &definition{Object: o}
	if in.WorkloadSelector != nil {
		d.Selector = in.WorkloadSelector.Labels
		if d.Selector == nil {
			d.Selector = map[string]string{}
		}
	}
	var more []config.Problem
	d.Inline, more = t.inlineEndpoints(o, in)
	problems = append(problems, more...)
	for i, host := range in.Hosts {
		s := model
		s.Host = strings.ToLower(strings.TrimSuffix(host, "."))
		field := fmt.Sprintf("spec.hosts[%d]", i)
		if p := checkEntryHost(o, field, &s, d); p != nil {
			problems = append(problems, *p)
			continue
		}
		s.Digest = digest.Of(s)
		d.Services = append(d.Services, &s)
	}
	if len(in.Hosts) == 0 {
		problems = append(problems, problem(o, config.Error, "spec.hosts", "a ServiceEntry needs at least one host", "add the name that clients use"))
	}
	if len(d.Services) == 0 {
		return nil, problems
	}
	return d, problems
}

// checkEntryHost returns why a host cannot be used.
func checkEntryHost(o *config.Object, field string, s *Service, d *definition) *config.Problem {
	fail := func(message, fix string) *config.Problem {
		p := problem(o, config.Error, field, message, fix)
		return &p
	}
	switch {
	case s.Host == "" || s.Host == "*":
		return fail(fmt.Sprintf("%q is not a host", s.Host), "write a name such as api.example.com or *.example.com")
	case d.service(s.Host) != nil:
		return fail(fmt.Sprintf("the host %s is listed twice", s.Host), "remove one of them")
	case isWildcard(s.Host) && len(d.Inline) == 0 && d.Selector == nil && (s.Resolution == DNS || s.Resolution == DNSRoundRobin):
		return fail(fmt.Sprintf("%s cannot be looked up in DNS", s.Host), "list endpoints, or use resolution: NONE")
	}
	return nil
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

func entryPorts(o *config.Object, in []*networking.ServicePort) ([]Port, []config.Problem) {
	var out []Port
	var problems []config.Problem
	for i, p := range in {
		field := fmt.Sprintf("spec.ports[%d].number", i)
		number := p.GetNumber()
		if number < 1 || number > 65535 {
			problems = append(problems, problem(o, config.Warning, field, fmt.Sprintf("port %d is not between 1 and 65535; the port is left out", number), "use a valid port number"))
			continue
		}
		if slices.ContainsFunc(out, func(q Port) bool { return q.Number == number }) {
			problems = append(problems, problem(o, config.Warning, field, fmt.Sprintf("port %d is already defined; this one is left out", number), "give each port its own number"))
			continue
		}
		out = append(out, Port{
			Number: number, Name: p.Name, Protocol: entryProtocol(p.Protocol, p.Name), TargetPort: cmp.Or(p.TargetPort, number),
		})
	}
	slices.SortFunc(out, func(a, b Port) int { return cmp.Compare(a.Number, b.Number) })
	return out, problems
}

// inlineEndpoints resolves the endpoints that a ServiceEntry lists itself.
func (t *update) inlineEndpoints(o *config.Object, in *networking.ServiceEntry) ([]*instance, []config.Problem) {
	var out []*instance
	var problems []config.Problem
	for i, e := range in.Endpoints {
		field := fmt.Sprintf("spec.endpoints[%d].address", i)
		if in.Resolution == networking.ServiceEntry_STATIC && !isIP(e.GetAddress()) && !isUnix(e.GetAddress()) {
			problems = append(problems, problem(o, config.Warning, field,
				fmt.Sprintf("%q is not an IP address, which resolution STATIC needs; the endpoint is left out", e.GetAddress()), "use resolution: DNS, or an address"))
			continue
		}
		if e.GetAddress() == "" {
			problems = append(problems, problem(o, config.Warning, field, "an endpoint without an address is left out", "set the address"))
			continue
		}
		out = append(out, t.entryInstance(o, e, nil))
	}
	return out, problems
}

func isUnix(address string) bool { return strings.HasPrefix(address, "unix://") }

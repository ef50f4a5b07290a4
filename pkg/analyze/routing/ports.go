package routing

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// ports looks for destinations that leave open which of several ports is meant.
func ports() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "virtualservice-ports",
		Doc:   "destinations without a port although the service has several",
		Codes: []codes.Code{codes.MissingPort},
		Kinds: append(analyze.ServiceKinds(), config.VirtualService, config.ConfigMap),
		Run: func(p *analyze.Pass) {
			p.Reads(analyze.ServiceKinds()...)
			for _, v := range written.Of(p) {
				v.EachDestination(func(field string, d *networking.Destination) {
					if s := p.Mesh().Destination(v, d.GetHost()); d.GetPort() == nil && s != nil && len(s.Ports) > 1 {
						reportPort(p, v, s, field)
					}
				})
			}
		},
	}
}

func reportPort(p *analyze.Pass, v *mesh.Virtual, s *mesh.Service, field string) {
	f := analyze.Finding{
		Code: codes.MissingPort, Object: v.Object, Field: field + ".host",
		Message: fmt.Sprintf("%s has the ports %s, and the destination names none: the port that the client addressed is used, which fails where the service lacks it, as behind a gateway",
			s.Host, numbers(s)),
		Fix: fmt.Sprintf("add port: {number: %d}, or another of its ports", s.Ports[0].Number),
	}
	if number := onlyPort(s, field); number != 0 {
		f.Fix = fmt.Sprintf("add port: {number: %d}", number)
		f.Edits = insertPort(v.Object, f.Field, number)
	}
	p.Report(f)
}

func numbers(s *mesh.Service) string {
	var out []string
	for _, p := range s.Ports {
		out = append(out, fmt.Sprint(p.Number))
	}
	return strings.Join(out, ", ")
}

// onlyPort is the one port of a service to which routes of a kind can lead, 0 where there are several: then the author must choose.
func onlyPort(s *mesh.Service, field string) uint32 {
	var found []uint32
	for _, p := range s.Ports {
		plain, tls := p.Protocol == mesh.Auto || p.Protocol.IsHTTP(), p.Protocol == mesh.HTTPS || p.Protocol == mesh.TLS
		if strings.HasPrefix(field, "spec.http") && plain || strings.HasPrefix(field, "spec.tls") && tls {
			found = append(found, p.Number)
		}
	}
	if len(found) != 1 {
		return 0
	}
	return found[0]
}

// insertPort writes a port before the host of a destination, in the style in which the host is written; nothing when that is not plain.
func insertPort(o *config.Object, field string, number uint32) []analyze.Edit {
	place := o.FieldPosition(field)
	line := o.Line(place.Line)
	if place.Column > len(line) {
		return nil
	}
	key := strings.LastIndex(line[:place.Column], "host:")
	if key < 0 {
		return nil
	}
	port := fmt.Sprintf("port: {number: %d}", number)
	switch before := strings.TrimSpace(line[:key]); {
	case before == "":
		port += "\n" + line[:key]
	case strings.HasSuffix(before, "{"), strings.HasSuffix(before, ","):
		port += ", "
	default:
		return nil
	}
	place.Column = len([]rune(line[:key])) + 1
	return []analyze.Edit{{Position: place, New: port}}
}

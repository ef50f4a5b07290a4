package destinations

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func entryAddresses() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "serviceentry-addresses",
		Doc:   "TCP ports of ServiceEntries whose connections cannot be told from others of the port",
		Codes: []codes.Code{codes.EntryNeedsAddresses},
		Kinds: []config.Kind{config.ServiceEntry, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			if allocates(p) {
				return
			}
			for _, o := range p.All(config.ServiceEntry) {
				spec, ok := o.Spec.(*networking.ServiceEntry)
				if !ok || len(spec.GetAddresses()) > 0 {
					continue
				}
				for i, port := range spec.GetPorts() {
					if port.GetProtocol() != "" && !strings.EqualFold(port.GetProtocol(), "TCP") {
						continue
					}
					field, protocol := fmt.Sprintf("spec.ports[%d].protocol", i), "protocol TCP"
					if port.GetProtocol() == "" {
						field, protocol = fmt.Sprintf("spec.ports[%d].number", i), "no protocol"
					}
					p.Report(analyze.Finding{
						Code: codes.EntryNeedsAddresses, Object: o, Field: field,
						Message: fmt.Sprintf("port %d has %s, and the entry no addresses to tell its connections by: they take every connection to port %[1]d of any host", port.GetNumber(), protocol),
					})
				}
			}
		},
	}
}

// allocates reports whether proxies are told to give hosts addresses of their own.
func allocates(p *analyze.Pass) bool {
	told := p.Config().Mesh.GetDefaultConfig().GetProxyMetadata()
	return told["ISTIO_META_DNS_CAPTURE"] == "true" && (told["ISTIO_META_DNS_AUTO_ALLOCATE"] == "true" || told["PILOT_ENABLE_IP_AUTOALLOCATE"] == "true")
}

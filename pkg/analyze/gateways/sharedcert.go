package gateways

import (
	"fmt"
	"maps"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func sharedCertificates() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "gateway-shared-certificate",
		Doc:   "Gateways of the same proxies that serve with the same certificate",
		Codes: []codes.Code{codes.SharedCertificate},
		Kinds: []config.Kind{config.Gateway},
		Run: func(p *analyze.Pass) {
			index := map[certificateKey]map[string][]*gatewayServer{} // by certificate and port, then by selector
			var order []certificateKey
			for _, o := range gatewaysOf(p) {
				spec := o.Spec.(*networking.Gateway)
				for i, s := range spec.Servers {
					for _, c := range certificatesOf(s.GetTls()) {
						c.port = s.GetPort().GetNumber()
						if index[c] == nil {
							index[c] = map[string][]*gatewayServer{}
							order = append(order, c)
						}
						text := labelText(spec.Selector)
						index[c][text] = append(index[c][text], &gatewayServer{o, spec, i, c.field(i)})
					}
				}
			}
			for _, c := range order {
				judgeShared(p, c, index[c])
			}
		},
	}
}

// certificateKey is a certificate: a credential, or a pair of files.
type certificateKey struct {
	credential, file, key string
	port                  uint32
}

func (c certificateKey) name() string {
	if c.credential != "" {
		return c.credential
	}
	return c.file
}

func (c certificateKey) field(server int) string {
	if c.credential != "" {
		return serverField(server) + ".tls.credentialName"
	}
	return serverField(server) + ".tls.serverCertificate"
}

// certificatesOf are the certificates that settings name.
func certificatesOf(tls *networking.ServerTLSSettings) []certificateKey {
	var out []certificateKey
	for _, name := range serverCredentials(tls) {
		out = append(out, certificateKey{credential: secretName(name)})
	}
	if len(out) == 0 && tls.GetServerCertificate() != "" && tls.GetPrivateKey() != "" {
		out = append(out, certificateKey{file: tls.GetServerCertificate(), key: tls.GetPrivateKey()})
	}
	return out
}

// judgeShared reports the servers whose proxies another Gateway serves as well: one whose selector has all labels of theirs.
func judgeShared(p *analyze.Pass, c certificateKey, groups map[string][]*gatewayServer) {
	texts := slices.Sorted(maps.Keys(groups))
	with := map[string][]string{} // by one label, the selectors that have it
	for _, text := range texts {
		for k, v := range groups[text][0].spec.Selector {
			with[k+"="+v] = append(with[k+"="+v], text)
		}
	}
	for _, text := range texts {
		selector := groups[text][0].spec.Selector
		candidates := texts
		for k, v := range selector {
			if list := with[k+"="+v]; len(list) < len(candidates) {
				candidates = list
			}
		}
		var narrower []*gatewayServer
		for _, other := range candidates {
			if other != text && mesh.Selects(selector, groups[other][0].spec.Selector) {
				narrower = append(narrower, groups[other]...)
			}
		}
		for _, s := range groups[text] {
			others := append(rivalsOf(s, groups[text]), rivalsOf(s, narrower)...)
			if len(others) == 0 {
				continue
			}
			slices.Sort(others)
			p.Report(analyze.Finding{
				Code: codes.SharedCertificate, Object: s.object, Field: s.field,
				Message: fmt.Sprintf("%s serves port %d of the same proxies with the certificate %s, too; browsers use one HTTP/2 connection for both, and get 404 for the hosts of the other Gateway",
					few(slices.Compact(others)), c.port, c.name()),
				Fix: "put all hosts of the certificate into the servers of one Gateway",
			})
		}
	}
}

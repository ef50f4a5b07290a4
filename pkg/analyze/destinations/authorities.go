package destinations

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func ruleAuthorities() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "destinationrule-authorities",
		Doc:   "TLS to servers outside the mesh without a say in who may have signed their certificates",
		Codes: []codes.Code{codes.NoAuthorities, codes.NoAuthoritiesPort},
		Kinds: []config.Kind{config.DestinationRule},
		Run: func(p *analyze.Pass) {
			for _, o := range p.All(config.DestinationRule) {
				spec, ok := o.Spec.(*networking.DestinationRule)
				if !ok {
					continue
				}
				check := func(code codes.Code, field, what string, tls *networking.ClientTLSSettings) {
					if consequence := unnamedAuthorities(tls, spec.GetWorkloadSelector() != nil); consequence != "" {
						p.Report(analyze.Finding{
							Code: code, Object: o, Field: field + ".mode",
							Message: fmt.Sprintf("tls mode %s%s names no authorities: %s", tls.GetMode(), what, consequence),
						})
					}
				}
				policy := spec.GetTrafficPolicy()
				check(codes.NoAuthorities, "spec.trafficPolicy.tls", "", policy.GetTls())
				for i, s := range policy.GetPortLevelSettings() {
					check(codes.NoAuthoritiesPort, fmt.Sprintf("spec.trafficPolicy.portLevelSettings[%d].tls", i),
						fmt.Sprintf(" of port %d", s.GetPort().GetNumber()), s.GetTls())
				}
			}
		},
	}
}

// unnamedAuthorities says what comes of TLS that names no authorities; nothing where it names some, or originates none. Sidecars read
// a credential only for a rule that selects them.
func unnamedAuthorities(tls *networking.ClientTLSSettings, selective bool) string {
	mode := tls.GetMode()
	switch {
	case mode != networking.ClientTLSSettings_SIMPLE && mode != networking.ClientTLSSettings_MUTUAL, tls.GetCaCertificates() != "":
		return ""
	case tls.GetCredentialName() != "":
		if selective {
			return ""
		}
		return "sidecars do not read credentialName of a rule without a workloadSelector, and trust every public authority of the machine instead"
	case tls.GetInsecureSkipVerify().GetValue():
		return "with insecureSkipVerify, any server may pose as this host"
	}
	return "the server's certificate is held to no more than the public authorities that the proxy's machine trusts"
}

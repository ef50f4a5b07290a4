package translate

import (
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/mesh"
)

// NeedsAuthorities reports whether a server checks client certificates against authorities from a credential.
func NeedsAuthorities(s *networking.Server) bool {
	tls := s.GetTls()
	named := tls.GetCredentialName() != "" || len(tls.GetCredentialNames()) > 0
	return mutual(tls) && (tls.GetCaCertCredentialName() != "" || named && tls.GetCaCertificates() == "")
}

// RuleCredentials lists the credentials, without prefix, that a rule names for connections to its host; each once.
func RuleCredentials(rule *mesh.DestinationRule) []string {
	if rule == nil {
		return nil
	}
	var out []string
	add := func(t *networking.ClientTLSSettings) {
		if name := CredentialName(t.GetCredentialName()); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	policies := []*networking.TrafficPolicy{rule.Spec.GetTrafficPolicy()}
	for _, s := range rule.Spec.GetSubsets() {
		policies = append(policies, s.GetTrafficPolicy())
	}
	for _, p := range policies {
		add(p.GetTls())
		for _, l := range p.GetPortLevelSettings() {
			add(l.GetTls())
		}
	}
	return out
}

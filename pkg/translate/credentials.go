package translate

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// NeedsAuthorities reports whether a server checks client certificates against authorities from a credential.
func NeedsAuthorities(s *networking.Server) bool {
	tls := s.GetTls()
	named := tls.GetCredentialName() != "" || len(tls.GetCredentialNames()) > 0
	return mutual(tls) && (tls.GetCaCertCredentialName() != "" || named && tls.GetCaCertificates() == "")
}

// AuthoritiesKey returns the ConfigMap with authorities that a credential of a rule is, "configmap://NAMESPACE/NAME".
func AuthoritiesKey(credential string) (key config.Key, ok bool) {
	path, ok := strings.CutPrefix(credential, convert.AuthoritiesPrefix)
	if !ok {
		return config.Key{}, false
	}
	namespace, name, ok := strings.Cut(path, "/")
	return config.Key{Kind: config.ConfigMap, Namespace: namespace, Name: name}, ok
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

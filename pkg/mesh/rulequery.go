package mesh

import "github.com/meshctl/meshctl/pkg/config"

// Rule returns the DestinationRule in force for a service, for a client with labels in a namespace: the client's namespace
// comes first, then the service's, then the root namespace; at each the most specific host wins. Nil when there is none.
func (s *Snapshot) Rule(svc *Service, client string, labels map[string]string) *DestinationRule {
	return s.rule(svc.Host, svc.Namespace, client, labels)
}

// RuleReach says for which hosts and clients a DestinationRule is meant.
type RuleReach struct {
	Host       string            // fully qualified; may be a wildcard
	Selector   map[string]string // labels of its clients, nil for all
	Visibility Visibility
}

// Covers reports whether the rule is for the service of a host.
func (r RuleReach) Covers(host string) bool { return hostCovers(r.Host, host) }

// Wildcard reports whether the rule is for more than one host.
func (r RuleReach) Wildcard() bool { return isWildcard(r.Host) }

// RuleReach returns the reach of a DestinationRule; ok is false for one that is unknown or has no usable host.
func (s *Snapshot) RuleReach(key config.Key) (reach RuleReach, ok bool) {
	r := s.rules.get(key)
	if r == nil {
		return RuleReach{}, false
	}
	return RuleReach{Host: r.Host, Selector: r.Selector, Visibility: r.Visibility}, true
}

// PeerAuthn returns the mutual TLS policy in force for a workload with labels in a namespace.
func (s *Snapshot) PeerAuthn(namespace string, labels map[string]string) PeerAuthn {
	return s.peerAuthn(namespace, labels)
}

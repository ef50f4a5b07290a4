package authz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// transport decides whether the connection comes about at all: by PeerAuthentication, and by the trust domain of the caller.
func (p *Policies) transport(r *Request, d *Decision) (refused bool) {
	if p.edge {
		return false
	}
	mode := p.peers.ModeOf(r.Port)
	if r.Peer == "" {
		if mode != mesh.Strict {
			return false
		}
		d.deny(0, "the workload takes mutual TLS only (PeerAuthentication STRICT), and the caller has no identity of the mesh", p.peerRule(r.Port))
		return true
	}
	domain, ok := trustDomain(r.Peer)
	if mode == mesh.Disabled || ok && p.member(domain) {
		return false
	}
	d.deny(0, fmt.Sprintf("the handshake fails: %q is neither the trust domain of the mesh (%s) nor an alias of it", domain, strings.Join(p.domains, ", ")), nil)
	return true
}

// member reports whether a trust domain is one of the mesh's.
func (p *Policies) member(domain string) bool {
	return slices.Contains(p.domains, domain) || slices.Contains(p.domains, "*") || slices.Contains(p.domains, "")
}

func (p *Policies) plaintextOnly(port uint32) bool {
	return !p.edge && p.peers.ModeOf(port) == mesh.Disabled
}

// peerRule is the PeerAuthentication in force for a port; nil when there is none.
func (p *Policies) peerRule(port uint32) *Match {
	from := p.peers.From
	if len(from) == 0 {
		return nil
	}
	if _, own := p.peers.Ports[port]; own {
		return &Match{Object: last(from), Field: fmt.Sprintf("spec.portLevelMtls[%d]", port)}
	}
	return &Match{Object: from[0], Field: "spec.mtls.mode"}
}

func last(keys []config.Key) config.Key { return keys[len(keys)-1] }

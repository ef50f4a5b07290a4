// Package ca issues and checks the identities of the mesh: the SPIFFE signing authority and its root, join tokens,
// Istio's certificate-signing API on top of both, and the TLS configurations that use the result.
//
// Identities follow https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md with Istio's paths,
// spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT. A certificate or token carries the identity that its caller
// proved, never the one it asked for.
package ca

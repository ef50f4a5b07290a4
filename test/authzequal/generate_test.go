package authzequal_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"google.golang.org/protobuf/proto"
	meshconfig "istio.io/api/mesh/v1alpha1"
	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/authz"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// identities are those of the clients; old.local is an alias in some meshes.
var identities = []string{
	"spiffe://cluster.local/ns/shop/sa/cart", "spiffe://cluster.local/ns/ops/sa/admin", "spiffe://cluster.local/ns/ops-dev/sa/cart",
	"spiffe://old.local/ns/shop/sa/cart", "spiffe://other.example/ns/shop/sa/cart",
}

// generator makes policies and requests of few words, so that they meet.
type generator struct{ *rand.Rand }

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g generator, list ...T) T { return list[g.IntN(len(list))] }

// some returns one or two of a list.
func (g generator) some(list ...string) []string {
	out := []string{pick(g, list...)}
	if g.chance(30) {
		out = append(out, pick(g, list...))
	}
	return out
}

// maybe fills a field, its negation, or neither.
func (g generator) maybe(values, not *[]string, list ...string) {
	switch {
	case g.chance(25):
		*values = g.some(list...)
	case g.chance(15):
		*not = g.some(list...)
	}
}

func (g generator) mesh(base *mesh.Config) *mesh.Config {
	c := *base
	c.Mesh = proto.CloneOf(base.Mesh)
	if g.chance(40) {
		c.Mesh.TrustDomainAliases = []string{"old.local"}
	}
	c.Mesh.PathNormalization = &meshconfig.MeshConfig_ProxyPathNormalization{Normalization: pick(g,
		meshconfig.MeshConfig_ProxyPathNormalization_DEFAULT, meshconfig.MeshConfig_ProxyPathNormalization_NONE,
		meshconfig.MeshConfig_ProxyPathNormalization_BASE, meshconfig.MeshConfig_ProxyPathNormalization_MERGE_SLASHES,
		meshconfig.MeshConfig_ProxyPathNormalization_DECODE_AND_MERGE_SLASHES,
	)}
	for name, host := range map[string]string{"external": authorizerHost, "elsewhere": "elsewhere.shop.svc.cluster.local"} {
		c.Mesh.ExtensionProviders = append(c.Mesh.ExtensionProviders, &meshconfig.MeshConfig_ExtensionProvider{
			Name: name, Provider: &meshconfig.MeshConfig_ExtensionProvider_EnvoyExtAuthzHttp{
				EnvoyExtAuthzHttp: &meshconfig.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationHttpProvider{
					Service: host, Port: authorizerPort, IncludeRequestHeadersInCheck: []string{askHeader},
				},
			},
		})
	}
	return &c
}

func (g generator) workload() *mesh.Workload {
	w := &mesh.Workload{Namespace: "shop", Name: "web", Ports: ports()}
	switch {
	case g.chance(15):
		w.PeerAuthn.Mode = mesh.Strict
	case g.chance(8):
		w.PeerAuthn.Mode = mesh.Disabled
	}
	if g.chance(15) {
		w.PeerAuthn.Ports = map[uint32]mesh.MTLSMode{pick[uint32](g, httpPort, tcpPort): pick(g, mesh.Strict, mesh.Permissive, mesh.Disabled)}
	}
	for i := range 1 + g.IntN(3) {
		w.AuthzPolicies = append(w.AuthzPolicies, g.policy(i))
	}
	return w
}

func (g generator) policy(i int) *config.Object {
	o := &config.Object{Key: config.Key{Kind: config.AuthzPolicy, Namespace: pick(g, "shop", "istio-system"), Name: fmt.Sprintf("p%d", i)}}
	spec := &security.AuthorizationPolicy{Action: pick(g,
		security.AuthorizationPolicy_ALLOW, security.AuthorizationPolicy_ALLOW, security.AuthorizationPolicy_ALLOW,
		security.AuthorizationPolicy_DENY, security.AuthorizationPolicy_DENY, security.AuthorizationPolicy_AUDIT,
	)}
	if g.chance(8) {
		spec.Action = security.AuthorizationPolicy_CUSTOM
		spec.ActionDetail = &security.AuthorizationPolicy_Provider{Provider: &security.AuthorizationPolicy_ExtensionProvider{
			Name: pick(g, "external", "external", "external", "external", "elsewhere", "nobody"),
		}}
	}
	if g.chance(8) {
		o.Meta.Annotations = map[string]string{"istio.io/dry-run": pick(g, "true", "false")}
	}
	for range g.IntN(4) {
		spec.Rules = append(spec.Rules, g.rule())
	}
	o.Spec = spec
	return o
}

func (g generator) rule() *security.Rule {
	r := &security.Rule{}
	for range g.IntN(3) {
		r.From = append(r.From, &security.Rule_From{Source: g.source()})
	}
	for range g.IntN(3) {
		r.To = append(r.To, &security.Rule_To{Operation: g.operation()})
	}
	if g.chance(40) {
		r.When = append(r.When, g.condition())
	}
	return r
}

var (
	principals = []string{
		"*", "cluster.local/ns/shop/sa/cart", "cluster.local/ns/ops/*", "*/sa/cart", "old.local/ns/shop/sa/cart", "*/ns/shop/sa/cart",
		"cluster.local/ns/shop/sa/*", "*.local/ns/shop/sa/cart", "other.example/ns/shop/sa/cart", "cluster.local/ns/ops/sa/admin",
	}
	namespaces   = []string{"shop", "ops", "ops*", "*ops", "*", "o*v", "kube-system"}
	accounts     = []string{"cart", "shop/cart", "ops/admin", "ops-dev/cart", "admin"}
	trustDomains = []string{"cluster.local", "old.local", "*", "*.local", "cluster*", "other.example"}
	sources      = []string{"127.0.0.0/8", "127.0.0.2", "127.0.0.2/31", "10.0.0.0/8", "::1", "127.0.0.0/32", "0.0.0.0/0", "::/0"}
	remotes      = []string{"203.0.113.0/24", "203.0.113.7", "198.51.100.0/25", "10.0.0.0/8", "127.0.0.0/8", "2001:db8::/32"}
	hosts        = []string{"web.shop", "WEB.shop", "web.*", "*.shop", "*", "web.shop:8080", "*.example.com"}
	methods      = []string{"GET", "POST", "G*", "*T", "*", "get"}
	paths        = []string{
		"/", "/admin", "/admin*", "*/admin", "*", "/a/b", "/a/{*}", "/a/{**}", "/a/{*}/c", "/{*}/b/{**}", "/a b", "/a%20b", "/a//b", "*.html", "/A*",
		"/a/{**}/", "/caf%C3%A9",
	}
	portNames  = []string{"8080", "9000", "7000", "8081", "1"}
	headerKeys = []string{"request.headers[x-user]", "request.headers[X-User]", "request.headers[:path]", "request.headers[:authority]", "request.headers[x-forwarded-proto]"}
	words      = []string{"alice", "al*", "*ice", "*", "bob", "a,b", "/admin", "http", "web.shop"}
	names      = []string{"outbound_.8080_._.web.shop.svc.cluster.local", "*", "outbound_*", "*.local", "web.shop"}
)

func (g generator) source() *security.Source {
	s := &security.Source{}
	switch g.IntN(3) {
	case 0:
		g.maybe(&s.ServiceAccounts, &s.NotServiceAccounts, accounts...)
	case 1:
		g.maybe(&s.Principals, &s.NotPrincipals, principals...)
	case 2:
		g.maybe(&s.Namespaces, &s.NotNamespaces, namespaces...)
	}
	g.maybe(&s.TrustDomains, &s.NotTrustDomains, trustDomains...)
	g.maybe(&s.IpBlocks, &s.NotIpBlocks, sources...)
	g.maybe(&s.RemoteIpBlocks, &s.NotRemoteIpBlocks, remotes...)
	if g.chance(3) { // excluded by each other
		s.Principals, s.ServiceAccounts = []string{"*"}, []string{"cart"}
	}
	return s
}

func (g generator) operation() *security.Operation {
	o := &security.Operation{}
	g.maybe(&o.Hosts, &o.NotHosts, hosts...)
	g.maybe(&o.Methods, &o.NotMethods, methods...)
	g.maybe(&o.Paths, &o.NotPaths, paths...)
	g.maybe(&o.Ports, &o.NotPorts, portNames...)
	if g.chance(3) {
		o.Ports = []string{pick(g, "http", "70000", "-1", "")}
	}
	return o
}

func (g generator) condition() *security.Condition {
	c := &security.Condition{}
	values := words
	switch g.IntN(12) {
	case 0:
		c.Key, values = "source.ip", sources
	case 1:
		c.Key, values = "remote.ip", remotes
	case 2:
		c.Key, values = "source.namespace", namespaces
	case 3:
		c.Key, values = "source.principal", principals
	case 4:
		c.Key, values = "destination.ip", []string{destination, "10.9.0.0/16", "10.1.0.0/16"}
	case 5:
		c.Key, values = "destination.port", portNames
	case 6:
		c.Key, values = "connection.sni", names
	case 7:
		c.Key, values = "source.serviceAccount", accounts
	case 8:
		c.Key = pick(g, "destination.labels[app]", "request.time", "request.headers", "request.headers[", "experimental.envoy.filters.a.b[c]")
	default:
		c.Key = pick(g, headerKeys...)
	}
	g.maybe(&c.Values, &c.NotValues, values...)
	if len(c.Values)+len(c.NotValues) == 0 && !g.chance(5) {
		c.Values = g.some(values...)
	}
	return c
}

// targets are paths as clients send them.
var targets = []string{
	"/", "/admin", "/admin/", "/admin?x=/y", "/ADMIN", "//admin", "/a/../admin", "/a/./b", "/a//b", "/a/b", "/a/b/", "/a/b/c", "/a%2Fb", "/a%2fb/c", "/a%5Cb",
	`/a\b`, "/%61dmin", "/%2e%2e/admin", "/a/%2E%2e/admin", "/a%20b", "/a/b.html?q=1", "/caf%C3%A9", "/caf%c3%a9", "/a/~b!$&'()+,;=:@", "/a/*", "/a/b{c}", "/a/b|c^`\"<>",
	"/..", "/.", "/a/...", "/a/..b", "//", "///", "/a///", "/%", "/%zz", "/%2", "/a%25b", "/a/%7Eb", "/?a//b", "/a;b/../c", "/a/b/../../../../admin", "/admin#x", "/a#/../admin", "/caf\xc3\xa9", "/a%00b",
}

func (g generator) request() authz.Request {
	r := authz.Request{
		Source: netip.MustParseAddr(pick(g, "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.9.9.9")), Destination: netip.MustParseAddr(destination),
		Remote: netip.MustParseAddr(pick(g, "10.1.1.1", "203.0.113.7", "198.51.100.200")),
		Port:   pick[uint32](g, httpPort, httpPort, httpPort, httpPort, tcpPort, autoPort, unnamedPort),
	}
	if g.chance(75) {
		r.Peer = pick(g, identities...)
		if g.chance(80) {
			r.SNI = fmt.Sprintf("outbound_.%d_._.web.shop.svc.cluster.local", r.Port)
		}
	}
	if r.Port == httpPort || r.Port == autoPort && r.Peer == "" {
		r.HTTP = g.http()
		if r.Port == autoPort && strings.Contains(r.HTTP.Path, "\xc3") {
			r.HTTP.Path = "/" // what has such a path is not detected as HTTP
		}
	}
	return r
}

func (g generator) http() *authz.HTTP {
	h := &authz.HTTP{
		Method: pick(g, "GET", "GET", "POST", "DELETE", "PUT"), Host: pick(g, "web.shop", "Web.Shop", "web.shop:8080", "a.example.com"), Path: pick(g, targets...),
	}
	add := func(percent int, name, value string) {
		if g.chance(percent) {
			h.Headers = append(h.Headers, authz.Header{Name: name, Value: value})
		}
	}
	add(50, pick(g, "x-user", "X-User"), pick(g, "alice", "bob", "", "al*"))
	add(10, "x-user", "b")
	add(40, "X-Forwarded-For", pick(g, "203.0.113.7", "1.2.3.4, 203.0.113.9", "203.0.113.7, 10.0.0.1", "none", "", "203.0.113.7,", "2001:db8::1", "203.0.113.7:80", "::ffff:203.0.113.7"))
	add(10, "x-forwarded-proto", pick(g, "http", "https"))
	return h
}

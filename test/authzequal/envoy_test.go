package authzequal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/translate"
)

// Ports of every workload. Those that no service names lead to the passthrough cluster.
const (
	httpPort     = 8080
	tcpPort      = 9000
	autoPort     = 8081
	unnamedPort  = 7000
	destination  = "10.9.8.7"
	redirectedBy = "envoy.filters.listener.original_dst"
)

// ports returns the workload's ports.
func ports() []mesh.WorkloadPort {
	port := func(n uint32, p mesh.Protocol) mesh.WorkloadPort {
		return mesh.WorkloadPort{Target: n, Protocol: p, Port: mesh.Port{Number: n, TargetPort: n, Protocol: p}}
	}
	return []mesh.WorkloadPort{port(httpPort, mesh.HTTP), port(autoPort, mesh.Auto), port(tcpPort, mesh.TCP)}
}

// listener is the inbound listener of a pod as the product translates it, on a port of loopback. Where a connection went before it was
// redirected, and whence it came, the PROXY protocol says in place of the kernel; the certificates are static ones.
func listener(t *testing.T, name string, c *mesh.Config, w *mesh.Workload) *listenerv3.Listener {
	t.Helper()
	policies, _ := translate.WorkloadPolicies(c, mesh.Sidecar, w, func(host string) *mesh.ScopedService {
		if host != authorizerHost {
			return nil
		}
		service := authorizerService()
		return &mesh.ScopedService{Service: service, Ports: service.Ports}
	})
	l := translate.Inbound(translate.NewInbound(c, w, policies, mesh.Proxy{Mode: mesh.Redirected}))[0]
	l.Name, l.StatPrefix = name, name
	l.Address = &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{},
	}}}
	for _, f := range l.ListenerFilters {
		if f.Name == redirectedBy {
			f.Name = "envoy.filters.listener.proxy_protocol"
			f.ConfigType = &listenerv3.ListenerFilter_TypedConfig{TypedConfig: pack(t, &proxyprotocolv3.ProxyProtocol{})}
		}
	}
	for _, chain := range l.FilterChains {
		if chain.TransportSocket == nil {
			continue
		}
		tls := &tlsv3.DownstreamTlsContext{}
		check(t, chain.TransportSocket.GetTypedConfig().UnmarshalTo(tls))
		common := tls.CommonTlsContext
		common.TlsCertificateSdsSecretConfigs[0].SdsConfig = nil
		common.GetCombinedValidationContext().ValidationContextSdsSecretConfig.SdsConfig = nil
		chain.TransportSocket.ConfigType = &corev3.TransportSocket_TypedConfig{TypedConfig: pack(t, tls)}
	}
	return l
}

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	out, err := anypb.New(m)
	check(t, err)
	return out
}

// The external authorizer of the mesh, which allows everything.
const (
	authorizerHost = "authorizer.shop.svc.cluster.local"
	authorizerPort = 9191
	// askHeader numbers requests for it.
	askHeader = "x-ask"
)

func authorizerService() *mesh.Service {
	return &mesh.Service{Host: authorizerHost, Namespace: "shop", Ports: []mesh.Port{{Number: authorizerPort, TargetPort: authorizerPort, Protocol: mesh.HTTP}}}
}

// authorizer notes the lines of requests that it was asked about.
type authorizer struct{ asked sync.Map }

// startEnvoy runs an Envoy with the listeners and returns their addresses by name.
func startEnvoy(t *testing.T, a *authority, listeners []*listenerv3.Listener, authorizes *authorizer) map[string]string {
	t.Helper()
	program := startProgram(t, func(string) {})
	external := startProgram(t, func(line string) { authorizes.asked.Store(line, true) })
	var texts []json.RawMessage
	for _, l := range listeners {
		text, err := protojson.Marshal(l)
		check(t, err)
		texts = append(texts, text)
	}
	cluster := func(name, address string) any {
		host, port, _ := net.SplitHostPort(address)
		return map[string]any{
			"name": name, "type": "STATIC", "connect_timeout": "5s",
			"load_assignment": map[string]any{"cluster_name": name, "endpoints": []any{map[string]any{"lb_endpoints": []any{map[string]any{
				"endpoint": map[string]any{"address": map[string]any{"socket_address": map[string]any{"address": host, "port_value": json.Number(port)}}},
			}}}}},
		}
	}
	chain, key := a.issue("spiffe://cluster.local/ns/shop/sa/web")
	bootstrap, err := json.Marshal(map[string]any{
		"node":  map[string]any{"id": "test", "cluster": "test"},
		"admin": map[string]any{"address": map[string]any{"socket_address": map[string]any{"address": "127.0.0.1", "port_value": 0}}},
		"static_resources": map[string]any{
			"listeners": texts,
			"clusters": []any{
				cluster(translate.InboundClusterName(httpPort), program), cluster(translate.InboundClusterName(autoPort), program),
				cluster(translate.InboundClusterName(tcpPort), program), cluster(translate.InboundPassthroughCluster, program),
				cluster(translate.ClusterName(authorizerHost, authorizerPort, ""), external),
				cluster(translate.BlackHoleCluster, "127.0.0.1:1"),
			},
			"secrets": []any{
				map[string]any{"name": translate.RootSecret, "validation_context": map[string]any{"trusted_ca": inline(a.root)}},
				map[string]any{"name": translate.WorkloadSecret, "tls_certificate": map[string]any{"certificate_chain": inline(chain), "private_key": inline(key)}},
			},
		},
	})
	check(t, err)
	e := envoytest.Start(t, bootstrap)
	e.WaitReady(t)
	return addresses(t, e)
}

func inline(pem []byte) any { return map[string]any{"inline_string": string(pem)} }

func addresses(t *testing.T, e *envoytest.Envoy) map[string]string {
	t.Helper()
	body, err := envoytest.Get(e.Admin, "/listeners?format=json")
	check(t, err)
	var answer struct {
		Statuses []struct {
			Name  string `json:"name"`
			Local struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	check(t, json.Unmarshal(body, &answer))
	out := map[string]string{}
	for _, s := range answer.Statuses {
		out[s.Name] = fmt.Sprintf("%s:%d", s.Local.Socket.Address, s.Local.Socket.Port)
	}
	return out
}

const greeting = "hello\n"

// startProgram runs what stands behind the proxy: it answers whatever ends with an empty line, and speaks no HTTP of its own that could
// find fault with requests. note is told every line.
func startProgram(t *testing.T, note func(line string)) (address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, note)
		}
	}()
	return l.Addr().String()
}

func serve(conn net.Conn, note func(line string)) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if note(lines.Text()); lines.Text() != "" {
			continue
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"+greeting); err != nil {
			return
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

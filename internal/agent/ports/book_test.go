package ports_test

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/internal/agent/ports"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/envoytest"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func open(t *testing.T, path string) *ports.Book {
	t.Helper()
	b, err := ports.Open(path, loopback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func allocate(t *testing.T, b *ports.Book, listens ...*agentapi.Listen) map[string]uint32 {
	t.Helper()
	found, err := b.Allocate(listens)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAllocateKeepsPorts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ports.json")
	b := open(t, path)
	inbound := &agentapi.Listen{Name: "inbound|9080"}
	proxy := &agentapi.Listen{Name: "http_proxy", Purpose: agentapi.Listen_HTTP_PROXY}
	first := allocate(t, b, inbound, proxy)
	if len(first) != 2 || first["inbound|9080"] == 0 || first["inbound|9080"] == first["http_proxy"] {
		t.Fatalf("Allocate = %v, want two different ports", first)
	}
	second := allocate(t, b, proxy, inbound, &agentapi.Listen{Name: "gateway|80"})
	if second["inbound|9080"] != first["inbound|9080"] || second["http_proxy"] != first["http_proxy"] {
		t.Errorf("ports moved: %v, then %v", first, second)
	}
	b.Close()
	if diff := cmp.Diff(second, allocate(t, open(t, path), inbound, proxy, &agentapi.Listen{Name: "gateway|80"})); diff != "" {
		t.Errorf("a restart changed the ports:\n%s", diff)
	}
}

// A program may have been told of the port when it started.
func TestLocalListenerThatComesBackHasItsPort(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "ports.json"))
	proxy := &agentapi.Listen{Name: "http_proxy", Purpose: agentapi.Listen_HTTP_PROXY}
	service := &agentapi.Listen{Name: "outbound|9080|reviews", Purpose: agentapi.Listen_SERVICE}
	first := allocate(t, b, proxy, service)
	if got := allocate(t, b, proxy); len(got) != 1 || len(b.Ports()) != 1 {
		t.Errorf("Allocate = %v, with a listener that is not wanted", got)
	}
	if diff := cmp.Diff(first, allocate(t, b, service, proxy)); diff != "" {
		t.Errorf("other ports:\n%s", diff)
	}
}

func TestPreferredPort(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	port := uint32(free.Addr().(*net.TCPAddr).Port)
	want := &agentapi.Listen{Name: "gateway|80", Purpose: agentapi.Listen_GATEWAY, Preferred: port}

	one := open(t, filepath.Join(t.TempDir(), "ports.json"))
	if got := allocate(t, one, want); got["gateway|80"] == port {
		t.Errorf("got port %d, which somebody listens on", port)
	}
	one.Close()
	free.Close()
	two, three := open(t, filepath.Join(t.TempDir(), "p")), open(t, filepath.Join(t.TempDir(), "p"))
	if got := allocate(t, two, want); got["gateway|80"] != port {
		t.Errorf("got port %d, want the preferred %d", got["gateway|80"], port)
	}
	if got := allocate(t, three, want); got["gateway|80"] == port {
		t.Errorf("got port %d, which another agent has reserved", port)
	}
}

// An Envoy must be able to listen on a reserved port while nobody else can.
func TestEnvoyBindsReservedPort(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "ports.json"))
	port := allocate(t, b, &agentapi.Listen{Name: "http_proxy", Purpose: agentapi.Listen_HTTP_PROXY})["http_proxy"]
	if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		l.Close()
		t.Errorf("somebody else could listen on the reserved port %d", port)
	}
	bootstrap := fmt.Sprintf(`
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: %d}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.direct_response
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config
          response: {inline_string: hello}
`, port)
	for range 2 { // also after a crash
		e := envoytest.Start(t, []byte(bootstrap))
		e.WaitReady(t)
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 5)
		if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "hello" {
			t.Errorf("read %q, %v", buf[:n], err)
		}
		conn.Close()
		e.Stop(t)
	}
}

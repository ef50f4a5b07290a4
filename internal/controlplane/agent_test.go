package controlplane_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/xds"
)

// agent is the stream of an agent.
type agent struct {
	t      *testing.T
	stream grpc.BidiStreamingClient[agentapi.FromAgent, agentapi.FromServer]
}

func connectAgent(t *testing.T, conn grpc.ClientConnInterface) *agent {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), controlplanetest.Patience)
	t.Cleanup(cancel)
	stream, err := agentapi.NewAgentClient(conn).Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &agent{t, stream}
}

func (a *agent) register(in *agentapi.Register) {
	_ = a.stream.Send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Register{Register: in}}) // what went wrong, Recv says
}

// wanted waits until the list of wanted ports has those names.
func (a *agent) wanted(names ...string) {
	a.t.Helper()
	for {
		m, err := a.stream.Recv()
		if err != nil {
			a.t.Fatalf("waiting for %q to be wanted: %v", names, err)
		}
		if m.GetWanted() == nil {
			continue
		}
		have := map[string]bool{}
		for _, l := range m.GetWanted().GetListens() {
			have[l.GetName()] = true
		}
		missing := false
		for _, n := range names {
			missing = missing || !have[n]
		}
		if !missing {
			return
		}
	}
}

func (a *agent) bind(ports map[string]uint32) {
	a.t.Helper()
	err := a.stream.Send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Bindings{Bindings: &agentapi.Bindings{Ports: ports}}})
	if err != nil {
		a.t.Fatal(err)
	}
}

// end waits for the end of the stream.
func (a *agent) end() error {
	for {
		if _, err := a.stream.Recv(); err != nil {
			return err
		}
	}
}

const webNode = "sidecar~127.0.0.1~web-1.a~a.svc.cluster.local"

func registration() *agentapi.Register {
	return &agentapi.Register{
		Namespace: "a", Name: "web-1", ServiceAccount: "web", Labels: map[string]string{"app": "web"},
		Address: "127.0.0.1", Ports: map[uint32]uint32{8080: 18080}, NodeId: webNode, AdminAddress: "127.0.0.1:1",
	}
}

// TestRegistration: what an agent registers is an endpoint for others, and gives its own proxy the ports that it bound.
func TestRegistration(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop})
	other := controlplanetest.Connect(t, p.DialPlaintext(t), controlplanetest.Node(t, webA, nil), nil)
	other.Await(xds.EndpointType, clusterA, hasEndpoints(1))
	own := controlplanetest.Connect(t, p.Dial(t, "a", "web"), controlplanetest.Node(t, webNode, map[string]any{"INTERCEPTION_MODE": "NONE"}), nil)
	own.Await(xds.ClusterType, clusterA, nil)

	a := connectAgent(t, p.Dial(t, "a", "web"))
	a.register(registration())
	const local = "outbound|80|web.a.svc.cluster.local"
	a.wanted("http_proxy", "inbound|8080", local)
	a.bind(map[string]uint32{"http_proxy": 20001, "inbound|8080": 20002, local: 20003})

	other.Await(xds.EndpointType, clusterA, func(r *discoveryv3.Resource) error {
		if err := hasEndpoints(2)(r); err != nil {
			return err
		}
		var assignment endpointv3.ClusterLoadAssignment
		_ = r.GetResource().UnmarshalTo(&assignment)
		if !strings.Contains(assignment.String(), "port_value:20002") {
			return errors.New("no endpoint has the port that the agent bound")
		}
		return nil
	})
	envoytest.Eventually(t, "listeners on the bound ports", func() error {
		missing := map[uint32]bool{20001: true, 20002: true, 20003: true}
		for name := range own.Held()[xds.ListenerType] {
			_ = own.Check(xds.ListenerType, name, func(r *discoveryv3.Resource) error {
				var l listenerv3.Listener
				err := r.GetResource().UnmarshalTo(&l)
				delete(missing, l.GetAddress().GetSocketAddress().GetPortValue())
				return err
			})
		}
		if len(missing) > 0 {
			return fmt.Errorf("no listener on %v", missing)
		}
		return nil
	})
	proxy, err := p.Proxy("web-1.a")
	if err != nil || proxy.AdminAddress != "127.0.0.1:1" || proxy.NodeID != webNode {
		t.Errorf("the admin API says %+v, %v", proxy, err)
	}
	// A service that appears is one more port for the agent to open.
	p.Write("db.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: a}\nspec: {ports: [{name: tcp, port: 5432}]}\n")
	a.wanted("http_proxy", "outbound|5432|db.a.svc.cluster.local")
}

// TestRegistrationClaims: an agent registers what its certificate is for, and nothing else.
func TestRegistrationClaims(t *testing.T) {
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop})
	for name, c := range map[string]struct {
		namespace, account string
		code               codes.Code
	}{
		"another account":   {"a", "admin", codes.PermissionDenied},
		"another namespace": {"b", "web", codes.PermissionDenied},
		"no certificate":    {"", "", codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			a := connectAgent(t, p.Dial(t, c.namespace, c.account))
			a.register(registration())
			if err := a.end(); status.Code(err) != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

// TestPlaintextHasNoAgents: the port without certificates is for discovery only.
func TestPlaintextHasNoAgents(t *testing.T) {
	p := controlplanetest.Start(t, nil)
	a := connectAgent(t, p.DialPlaintext(t))
	a.register(registration())
	if err := a.end(); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
}

// A connection that says nothing does not hold up the end.
func TestStopWhileConnecting(t *testing.T) {
	p := controlplanetest.Start(t, nil)
	conn, err := net.Dial("tcp", p.Secure) // says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begin := time.Now()
	p.Stop()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the end took %s", took)
	}
}

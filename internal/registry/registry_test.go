package registry

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/pkg/config"
)

func TestRegistrationBecomesAWorkloadEntry(t *testing.T) {
	p := start(t, func(o *Options) {
		o.PortNames = func(_ Proxy, target uint32) []string { return []string{fmt.Sprintf("http-%d", target)} }
	})
	in := reviews()
	in.Network, in.Locality, in.Weight = "lan", "region/zone", 7
	a := p.connect(t, in)
	registered, wanted := a.registered()
	if registered.GetWorkloadEntry() != "default/reviews-v1" || registered.GetReadinessProbeJson() != "" {
		t.Errorf("registered %v", registered)
	}
	if l := wanted.GetListens(); len(l) != 1 || l[0].GetName() != "inbound|9080" || l[0].GetPurpose() != agentapi.Listen_INBOUND {
		t.Errorf("wanted %v", l)
	}
	if objects, _, _ := p.entries.counts(); objects != 0 {
		t.Error("an entry before its ports are known")
	}
	a.bind(map[string]uint32{"inbound|9080": 41000, "http_proxy": 41001})
	got := p.entries.wait(t, "reviews-v1", "is there", func(*config.Object) bool { return true })
	labels := map[string]string{"app": "reviews", "version": "v1", "security.istio.io/tlsMode": "istio"}
	want := &networking.WorkloadEntry{
		Address: "127.0.0.1", Ports: map[string]uint32{"9080": 41000, "http-9080": 41000}, Labels: labels,
		Network: "lan", Locality: "region/zone", Weight: 7, ServiceAccount: "bookinfo-reviews",
	}
	if diff := cmp.Diff(want, got.Spec, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(config.Meta{Labels: labels, Annotations: map[string]string{AnnotationBoundPorts: "true"}}, got.Meta); diff != "" {
		t.Error(diff)
	}
	if got.Digest == (config.Digest{}) {
		t.Error("no digest")
	}
	sessions := p.registry.Sessions()
	if len(sessions) != 1 || !sessions[0].Connected || !sessions[0].Healthy || sessions[0].Identity != identityOf(in) || sessions[0].AdminAddress != "127.0.0.1:15000" {
		t.Errorf("sessions %+v", sessions)
	}
	if b, ok := p.registry.Bindings(in.GetNodeId()); !ok || b["http_proxy"] != 41001 {
		t.Errorf("bindings %v, %v", b, ok)
	}
	if _, ok := p.registry.Bindings("sidecar~1.2.3.4~a.b~b.svc.c"); ok {
		t.Error("bindings of an unknown node")
	}
	if _, ok := p.registry.Lookup("nobody"); ok {
		t.Error("session of an unknown node")
	}
}

func TestIdentityIsBound(t *testing.T) {
	p := start(t, nil)
	for name, id := range map[string]ca.Identity{
		"other account":   {TrustDomain: "cluster.local", Namespace: "default", ServiceAccount: "other"},
		"other namespace": {TrustDomain: "cluster.local", Namespace: "other", ServiceAccount: "bookinfo-reviews"},
	} {
		a := p.dial(t, true, id)
		a.register(reviews())
		if err := a.refusal(); status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), id.String()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a := p.dial(t, false, ca.Identity{})
	a.register(reviews())
	if err := a.refusal(); status.Code(err) != codes.Unauthenticated {
		t.Errorf("no certificate: %v", err)
	}
	if len(p.registry.Sessions()) != 0 {
		t.Error("somebody got in")
	}
}

func TestOtherTrustDomainIsRefused(t *testing.T) {
	p := start(t, func(o *Options) { o.TrustDomain = "elsewhere" })
	if err := p.connect(t, reviews()).refusal(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("%v", err)
	}
}

func TestMessagesOutOfTurn(t *testing.T) {
	p := start(t, nil)
	a := p.dial(t, true, identityOf(reviews()))
	a.health(true, "")
	if err := a.refusal(); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "Register") {
		t.Errorf("health first: %v", err)
	}
	a = p.connect(t, reviews())
	a.register(reviews())
	if err := a.refusal(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("registered twice: %v", err)
	}
	a = p.connect(t, named("other"))
	a.bind(map[string]uint32{"inbound|9080": 70000})
	if err := a.refusal(); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "70000") {
		t.Errorf("bad binding: %v", err)
	}
}

func TestSilentAgentIsCutOff(t *testing.T) {
	p := start(t, nil)
	a := p.dial(t, true, identityOf(reviews()))
	eventually(t, "the server waits for Register", func() bool { return p.clock.pending(registerTimeout) == 1 })
	p.clock.add(registerTimeout)
	if err := a.refusal(); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%v", err)
	}
}

func TestAgentsWaitForTheFirstConfiguration(t *testing.T) {
	ready := make(chan struct{})
	p := start(t, func(o *Options) { o.Ready = ready })
	early := p.connect(t, reviews())
	eventually(t, "the agent waits", func() bool { return p.clock.pending(readyWait) == 1 })
	p.clock.add(readyWait)
	if err := early.refusal(); status.Code(err) != codes.Unavailable {
		t.Errorf("%v", err)
	}
	again := p.connect(t, reviews())
	eventually(t, "the agent waits again", func() bool { return p.clock.pending(readyWait) == 1 })
	if len(p.registry.Sessions()) != 0 {
		t.Error("admitted before the first configuration")
	}
	close(ready)
	again.registered()
}

func TestHealth(t *testing.T) {
	changes := make(chan string, 100)
	p := start(t, func(o *Options) { o.OnChange = func(id string) { changes <- id } })
	a := p.up(t, reviews())
	unhealthy := func(o *config.Object) bool { return o.Meta.Annotations[AnnotationUnhealthy] == "true" }
	healthy := func(o *config.Object) bool { return !unhealthy(o) }
	a.health(false, "GET /health: 503")
	p.entries.wait(t, "reviews-v1", "is unhealthy", unhealthy)
	if s := p.registry.Sessions()[0]; s.Healthy || s.Reason != "GET /health: 503" {
		t.Errorf("session %+v", s)
	}
	a.health(true, "")
	p.entries.wait(t, "reviews-v1", "is healthy", healthy)
	if got := <-changes; got != reviews().GetNodeId() {
		t.Errorf("change of %q", got)
	}
}

func TestBindingsMove(t *testing.T) {
	p := start(t, nil)
	in := reviews()
	in.Ports[9090] = 35002
	a := p.connect(t, in)
	a.registered()
	a.bind(map[string]uint32{"inbound|9080": 41000})
	eventually(t, "half of the bindings are known", func() bool { _, ok := p.registry.Bindings(in.GetNodeId()); return ok })
	if o := p.entries.entry("reviews-v1"); o != nil {
		t.Error("an entry with half of its ports")
	}
	a.bind(map[string]uint32{"inbound|9080": 41000, "inbound|9090": 41001})
	p.entries.wait(t, "reviews-v1", "has both ports", bound("9090", 41001))
	a.bind(map[string]uint32{"inbound|9080": 41002})
	o := p.entries.wait(t, "reviews-v1", "has moved", bound("9080", 41002))
	if len(spec(o).GetPorts()) != 1 {
		t.Errorf("ports %v", spec(o).GetPorts())
	}
}

// A proxy to which the kernel redirects binds no ports: its services' numbers are right as they are.
func TestRedirectedWorkload(t *testing.T) {
	p := start(t, func(o *Options) { o.Wanted = func(Proxy) []*agentapi.Listen { return nil } })
	in := reviews()
	in.Address = "10.0.0.7"
	a := p.connect(t, in)
	a.registered()
	a.bind(nil)
	o := p.entries.wait(t, "reviews-v1", "is there", func(*config.Object) bool { return true })
	if len(spec(o).GetPorts()) != 0 || o.Meta.Annotations[AnnotationBoundPorts] != "" {
		t.Errorf("ports %v, annotations %v", spec(o).GetPorts(), o.Meta.Annotations)
	}
}

// TestRouter: a gateway is an endpoint of the services in front of it when others can reach it, and takes no mutual TLS by itself.
func TestRouter(t *testing.T) {
	p := start(t, nil)
	in := &agentapi.Register{
		Type: agentapi.ProxyType_ROUTER, Namespace: "istio-system", Name: "ingress", ServiceAccount: "gateway",
		NodeId: "router~127.0.0.1~ingress.istio-system~istio-system.svc.cluster.local",
		Labels: map[string]string{"istio": "ingressgateway"},
	}
	a := p.connect(t, in)
	a.registered()
	a.bind(map[string]uint32{"gateway|80": 42000})
	eventually(t, "the bindings are known", func() bool { b, ok := p.registry.Bindings(in.GetNodeId()); return ok && b["gateway|80"] == 42000 })
	if objects, _, _ := p.entries.counts(); objects != 0 {
		t.Error("a gateway became an endpoint")
	}
	if s, ok := p.registry.Lookup(in.GetNodeId()); !ok || s.Proxy.Labels["istio"] != "ingressgateway" || s.Proxy.Labels[LabelTLSMode] != "" {
		t.Errorf("session %+v", s)
	}
	in = proto.CloneOf(in)
	in.Namespace, in.Name, in.NodeId, in.Address = "default", "egress", "router~127.0.0.1~egress.default~default.svc.cluster.local", "127.0.0.1"
	a = p.connect(t, in)
	a.registered()
	a.bind(map[string]uint32{"gateway|8080": 42001})
	o := p.entries.wait(t, "egress", "has its port", func(o *config.Object) bool { return spec(o).GetPorts()["8080"] == 42001 })
	if o.Meta.Labels[LabelTLSMode] != "disabled" || o.Meta.Annotations[AnnotationBoundPorts] != "true" || spec(o).GetServiceAccount() != "gateway" {
		t.Errorf("entry %+v %+v", o.Meta, spec(o))
	}
}

func TestRotate(t *testing.T) {
	p := start(t, nil)
	a := p.up(t, reviews())
	if err := p.registry.Rotate("default", "reviews-v1"); err != nil {
		t.Fatal(err)
	}
	if m := a.receive(); m.GetRotate() == nil {
		t.Errorf("received %v", m)
	}
	if err := p.registry.Rotate("default", "nobody"); err == nil || !strings.Contains(err.Error(), "default/nobody") {
		t.Errorf("rotate of nobody: %v", err)
	}
}

func TestRefreshReachesOnlyWhomItConcerns(t *testing.T) {
	var mu sync.Mutex
	extra := ""
	p := start(t, func(o *Options) {
		o.Wanted = func(p Proxy) []*agentapi.Listen {
			mu.Lock()
			defer mu.Unlock()
			out := inboundOnly(p)
			if p.Name == extra {
				out = append(out, &agentapi.Listen{Name: "outbound|6379|redis.default.svc.cluster.local", Purpose: agentapi.Listen_SERVICE, Port: 6379})
			}
			return out
		}
	})
	one, two := p.up(t, named("one")), p.up(t, named("two"))
	_, before, _ := p.entries.counts()
	p.registry.Refresh()
	mu.Lock()
	extra = "two"
	mu.Unlock()
	p.registry.Refresh()
	if m := two.receive(); len(m.GetWanted().GetListens()) != 2 {
		t.Errorf("two received %v", m)
	}
	// The next thing that the other one hears is the next thing that is meant for it.
	for _, name := range []string{"one", "two"} {
		if err := p.registry.Rotate("default", name); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []*agent{one, two} {
		if m := a.receive(); m.GetRotate() == nil {
			t.Errorf("received %v", m)
		}
	}
	if _, after, _ := p.entries.counts(); after != before {
		t.Errorf("%d batches for a refresh that changes no entry", after-before)
	}
}

// An emitter may wait for somebody who is refreshing at that moment.
func TestRefreshFromWithinTheEmitter(t *testing.T) {
	entries := newRecorder()
	p := start(t, func(o *Options) { o.Emitter = entries })
	p.entries = entries
	entries.onUpdate = func() {
		done := make(chan struct{})
		go func() { p.registry.Refresh(); close(done) }()
		<-done
	}
	p.up(t, reviews())
}

func TestManyAgents(t *testing.T) {
	p := start(t, func(o *Options) { o.State = &memoryState{} })
	const n = 20
	agents := make([]*agent, n)
	for i := range agents {
		agents[i] = p.connect(t, named(fmt.Sprintf("w-%d", i)))
	}
	var wg sync.WaitGroup
	for i, a := range agents {
		wg.Go(func() {
			for port := range uint32(10) {
				a.bind(map[string]uint32{"inbound|9080": 41000 + port})
				a.health(port%2 == 1, "")
			}
		})
		if i%5 == 0 {
			wg.Go(p.registry.Refresh)
		}
	}
	wg.Wait()
	for i := range agents {
		p.entries.wait(t, fmt.Sprintf("w-%d", i), "settled", func(o *config.Object) bool {
			return bound("9080", 41009)(o) && o.Meta.Annotations[AnnotationUnhealthy] == ""
		})
	}
	names := []string{}
	for _, s := range p.registry.Sessions() {
		names = append(names, s.Proxy.Name)
	}
	if len(names) != n || !slices.IsSorted(names) {
		t.Errorf("sessions %v", names)
	}
}

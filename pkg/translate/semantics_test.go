package translate

import (
	"slices"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const webYAML = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: far, namespace: other}
spec: {clusterIP: 10.96.0.7, ports: [{name: http, port: 80}]}
---
`

// route returns the first route of web for the HTTP rule.
func route(t *testing.T, rule string) *routev3.Route {
	t.Helper()
	s := build(t, webYAML+`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - `+rule)
	host := resourcesFor(s, redirected()).vhost(t, "80", "web.default.svc.cluster.local:80")
	return inherited(host, host.Routes[0])
}

// inherited returns a route with what it takes from its virtual host, as Envoy does.
func inherited(host *routev3.VirtualHost, r *routev3.Route) *routev3.Route {
	if r.Metadata == nil {
		r.Metadata = host.Metadata
	}
	if a := r.GetRoute(); a != nil && a.RetryPolicy == nil {
		a.RetryPolicy = host.RetryPolicy
	}
	return r
}

func TestRoutesShareWhatTheyHaveInCommon(t *testing.T) {
	s := build(t, webYAML+`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - {match: [{uri: {prefix: /off}}], retries: {attempts: 0}, route: [{destination: {host: web}}]}
  - {match: [{uri: {prefix: /five}}], retries: {attempts: 5}, route: [{destination: {host: web}}]}
  - {match: [{uri: {prefix: /five-too}}], retries: {attempts: 5}, route: [{destination: {host: web}}]}
  - {match: [{uri: {prefix: /gone}}], directResponse: {status: 410}}
  - {route: [{destination: {host: web}}]}
`)
	host := resourcesFor(s, redirected()).vhost(t, "80", "web.default.svc.cluster.local:80")
	if host.RetryPolicy.GetNumRetries().GetValue() != 5 || host.Routes[1].GetRoute().RetryPolicy != nil {
		t.Errorf("the policy that two routes have is not the virtual host's: %v", host.RetryPolicy)
	}
	for i, want := range []struct {
		on      string
		retries uint32
	}{{"", 0}, {retryOnDefault, 5}, {retryOnDefault, 5}, {"", 0}, {retryOnDefault, 2}} {
		r := inherited(host, host.Routes[i])
		if p := r.GetRoute().GetRetryPolicy(); p.GetRetryOn() != want.on || p.GetNumRetries().GetValue() != want.retries {
			t.Errorf("route %d retries by %v", i, p)
		}
		if r.GetMetadata().GetFilterMetadata()[OriginMetadata] == nil {
			t.Errorf("route %d does not say where it comes from", i)
		}
	}
}

func TestTimeoutsAndRetries(t *testing.T) {
	for _, c := range []struct {
		name, rule, retryOn string
		retries             uint32
		timeout, try        time.Duration
		codes               []uint32
	}{
		{"defaults", `route: [{destination: {host: web}}]`, "connect-failure,refused-stream,unavailable,cancelled", 2, 0, 0, nil},
		{"off", `{retries: {attempts: 0}, route: [{destination: {host: web}}]}`, "", 0, 0, 0, nil},
		{"codes", `{timeout: 2s, retries: {attempts: 4, perTryTimeout: 1s, retryOn: "503, 504,reset"}, route: [{destination: {host: web}}]}`,
			"reset,retriable-status-codes", 4, 2 * time.Second, time.Second, []uint32{503, 504}},
		{"no conditions", `{retries: {attempts: 3}, route: [{destination: {host: web}}]}`, "connect-failure,refused-stream,unavailable,cancelled", 3, 0, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := route(t, c.rule).GetRoute()
			p := a.GetRetryPolicy()
			if p.GetRetryOn() != c.retryOn || p.GetNumRetries().GetValue() != c.retries || !slices.Equal(p.GetRetriableStatusCodes(), c.codes) {
				t.Errorf("retry policy %v", p)
			}
			if a.GetTimeout() == nil || a.GetTimeout().AsDuration() != c.timeout || p.GetPerTryTimeout().AsDuration() != c.try {
				t.Errorf("timeout %v, per try %v", a.GetTimeout(), p.GetPerTryTimeout())
			}
			if p != nil && (len(p.RetryHostPredicate) != 1 || p.HostSelectionRetryMaxAttempts != 5) {
				t.Errorf("does not avoid hosts that were tried: %v", p)
			}
		})
	}
}

func TestDestinationPort(t *testing.T) {
	s := build(t, webYAML+`
apiVersion: v1
kind: Service
metadata: {name: two, namespace: default}
spec: {ports: [{name: http, port: 1}, {name: http-b, port: 2}]}
---
apiVersion: v1
kind: Service
metadata: {name: one, namespace: default}
spec: {ports: [{name: http, port: 7}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - match: [{uri: {exact: /only}}]
    route: [{destination: {host: one}}]
  - match: [{uri: {exact: /several}}]
    route: [{destination: {host: two}}]
  - match: [{uri: {exact: /named}}]
    route: [{destination: {host: two, port: {number: 2}, subset: s}}]
  - route: [{destination: {host: nowhere}}]
`)
	var got []string
	for _, r := range resourcesFor(s, redirected()).vhost(t, "80", "web.default.svc.cluster.local:80").Routes {
		got = append(got, r.GetRoute().GetCluster())
	}
	want := []string{
		"outbound|7||one.default.svc.cluster.local", "outbound|80||two.default.svc.cluster.local",
		"outbound|2|s|two.default.svc.cluster.local", "outbound|80||nowhere.default.svc.cluster.local",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDomains(t *testing.T) {
	own := &mesh.Service{Host: "web.default.svc.cluster.local", Name: "web", Namespace: "default", Addresses: []string{"10.0.0.1", "fd00::1", "0.0.0.0", "10.1.0.0/16"}}
	base := DomainsInput{Host: own.Host, Service: own, Port: 8080, Namespace: "default", DomainSuffix: "cluster.local"}
	for _, c := range []struct {
		name string
		edit func(*DomainsInput)
		want string
	}{
		{"own namespace", func(*DomainsInput) {}, "web.default.svc.cluster.local web web.default web.default.svc 10.0.0.1 [fd00::1]"},
		{"another namespace", func(in *DomainsInput) { in.Namespace = "other" }, "web.default.svc.cluster.local web.default web.default.svc 10.0.0.1 [fd00::1]"},
		{"ports required", func(in *DomainsInput) { in.Ports = PortRequired; in.Namespace = "x"; in.Service = nil }, "web.default.svc.cluster.local:8080"},
		{"port 80", func(in *DomainsInput) { in.Ports = PortRequired; in.Port = 80; in.Service = nil }, "web.default.svc.cluster.local web.default.svc.cluster.local:80"},
		{"wildcard", func(in *DomainsInput) { in.Host = "*.Example.com"; in.Service = nil }, "*.example.com"},
	} {
		in := base
		c.edit(&in)
		if got := strings.Join(Domains(in), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := UniqueDomains([][]string{{"a", "b"}, {"b", "c"}, {"a"}}); len(got[0]) != 2 || !slices.Equal(got[1], []string{"c"}) || len(got[2]) != 0 {
		t.Errorf("unique domains: %v", got)
	}
}

func TestPolicyPrecedence(t *testing.T) {
	simple := func(lb networking.LoadBalancerSettings_SimpleLB) *networking.LoadBalancerSettings {
		return &networking.LoadBalancerSettings{LbPolicy: &networking.LoadBalancerSettings_Simple{Simple: lb}}
	}
	port := func(n uint32, lb *networking.LoadBalancerSettings) []*networking.TrafficPolicy_PortTrafficPolicy {
		return []*networking.TrafficPolicy_PortTrafficPolicy{{Port: &networking.PortSelector{Number: n}, LoadBalancer: lb}}
	}
	outlier := &networking.OutlierDetection{}
	rule := &mesh.DestinationRule{Spec: &networking.DestinationRule{
		TrafficPolicy: &networking.TrafficPolicy{
			LoadBalancer: simple(networking.LoadBalancerSettings_RANDOM), OutlierDetection: outlier,
			PortLevelSettings: port(81, simple(networking.LoadBalancerSettings_ROUND_ROBIN)),
		},
		Subsets: []*networking.Subset{
			{Name: "plain"},
			{Name: "own", TrafficPolicy: &networking.TrafficPolicy{LoadBalancer: simple(networking.LoadBalancerSettings_PASSTHROUGH), PortLevelSettings: port(82, nil)}},
		},
	}}
	for _, c := range []struct {
		port    uint32
		subset  string
		lb      networking.LoadBalancerSettings_SimpleLB
		outlier bool
	}{
		{80, "", networking.LoadBalancerSettings_RANDOM, true},
		{81, "", networking.LoadBalancerSettings_ROUND_ROBIN, false}, // a port's settings inherit nothing
		{80, "plain", networking.LoadBalancerSettings_RANDOM, true},
		{80, "own", networking.LoadBalancerSettings_PASSTHROUGH, true},
		{82, "own", networking.LoadBalancerSettings_UNSPECIFIED, false},
		{80, "unknown", networking.LoadBalancerSettings_RANDOM, true},
	} {
		p := policyFor(rule, c.port, c.subset)
		if p.lb.GetSimple() != c.lb || (p.outlier != nil) != c.outlier {
			t.Errorf("port %d of %q: %v, outlier detection %v", c.port, c.subset, p.lb, p.outlier)
		}
	}
}

func TestConsecutiveErrors(t *testing.T) {
	c := &clusterv3.Cluster{CommonLbConfig: &clusterv3.Cluster_CommonLbConfig{}}
	outlierDetection(c, &networking.OutlierDetection{ConsecutiveErrors: 7}) //nolint:staticcheck // users' files have it
	o := c.OutlierDetection
	if o.ConsecutiveGatewayFailure.GetValue() != 7 || o.EnforcingConsecutiveGatewayFailure.GetValue() != 100 ||
		o.EnforcingConsecutive_5Xx == nil || o.EnforcingConsecutive_5Xx.GetValue() != 0 || o.EnforcingSuccessRate.GetValue() != 0 {
		t.Errorf("%v", o)
	}
}

func TestFailover(t *testing.T) {
	endpoints := &mesh.EndpointSet{}
	for _, l := range []string{"r1/z1/s1", "r1/z1/s2", "r1/z2/s1", "r2/z1/s1", "r3/z1/s1"} {
		endpoints.Endpoints = append(endpoints.Endpoints, mesh.Endpoint{Address: "10.0.0.1", Port: 80, Healthy: true, Locality: l})
	}
	a := Assignment(AssignmentInput{
		Endpoints: endpoints, Client: Client{Locality: "r1/z1/s1"}, Balance: &Balance{Localities: true, Failover: map[string]string{"r1": "r3"}},
	})
	var got []uint32
	for _, g := range a.Endpoints {
		got = append(got, g.Priority)
	}
	if want := []uint32{0, 1, 2, 4, 3}; !slices.Equal(got, want) {
		t.Errorf("priorities %v, want %v", got, want)
	}
}

// TestNarrowInputs: what a resource does not depend on leaves its digest alone.
func TestNarrowInputs(t *testing.T) {
	endpoint := func(ip string) string {
		return "\n---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w, namespace: default}\nspec: {address: " + ip + ", labels: {app: web}, serviceAccount: web}\n"
	}
	service := `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: other, namespace: default}
spec: {ports: [{name: http, port: 80}]}
`
	virtual := func(weight string) string {
		return "\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web, namespace: default}\nspec: {hosts: [web], http: [{route: [{destination: {host: web}, weight: " + weight + "}]}]}\n"
	}
	digests := func(text string) map[string][16]byte {
		s, out := build(t, text), map[string][16]byte{}
		p := redirected()
		scope := s.Scope(s.ScopeKey(p), p)
		for _, svc := range scope.Services {
			set := s.Endpoints(svc.Service, svc.Ports[0])
			out["cluster "+svc.Host] = digest.Of(ClusterInput{Config: s.Config(), Service: svc.Service, Port: svc.Ports[0], Rule: svc.Rule, Identities: set.Identities})
			for _, r := range ServiceRoutes(ServiceRoutesInput{Config: s.Config(), Namespace: "default", Service: svc, Lookup: scope.Service}) {
				out["vhost "+svc.Host] = digest.Of(r.Host)
			}
		}
		listeners, _ := OutboundListeners(OutboundInput{Config: s.Config(), Services: scope.Services, AllowAny: true})
		for _, l := range listeners {
			out["listener "+l.Name] = digest.Of(l)
		}
		return out
	}
	differ := func(a, b map[string][16]byte) (out []string) {
		for k, v := range a {
			if b[k] != v {
				out = append(out, k)
			}
		}
		slices.Sort(out)
		return out
	}
	base := digests(service + endpoint("10.0.0.1") + virtual("100"))
	if d := differ(base, digests(service+endpoint("10.0.0.2")+virtual("100"))); len(d) > 0 {
		t.Errorf("an endpoint's address changes %v", d)
	}
	if d := differ(base, digests(service+endpoint("10.0.0.1")+virtual("50"))); !slices.Equal(d, []string{"vhost web.default.svc.cluster.local"}) {
		t.Errorf("a weight changes %v", d)
	}
}

func TestOriginNamesTheObjects(t *testing.T) {
	r := route(t, `route: [{destination: {host: web}}]`)
	if got := r.GetMetadata().GetFilterMetadata()["meshctl"].GetFields()["from"].GetStringValue(); got != "VirtualService/default/web" {
		t.Errorf("from %q", got)
	}
}

func TestMissingHeaderIsNoMatch(t *testing.T) {
	m := route(t, `{match: [{withoutHeaders: {x: {exact: "1"}, y: {}}}], route: [{destination: {host: web}}]}`).GetMatch()
	if len(m.Headers) != 2 || !m.Headers[0].InvertMatch || !m.Headers[0].TreatMissingHeaderAsEmpty || !m.Headers[1].InvertMatch || m.Headers[1].TreatMissingHeaderAsEmpty {
		t.Errorf("%v", m.Headers)
	}
}

func TestSecretTellsNothing(t *testing.T) {
	for name, data := range map[string]string{
		"no key":        "{tls.crt: SECRETTEXT}",
		"not PEM":       "{tls.crt: SECRETTEXT, tls.key: SECRETTEXT}",
		"no authority":  "{cacert: SECRETTEXT}",
		"nothing":       "{other: SECRETTEXT}",
		"generic names": "{cert: SECRETTEXT, key: SECRETTEXT}",
	} {
		object := decode(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: istio-system}\nstringData: "+data)[0]
		for _, ca := range []bool{false, true} {
			secret, notes := Secret(SecretInput{Name: "s", Secret: object, CA: ca})
			if secret != nil || len(notes) != 1 {
				t.Errorf("%s: a secret, or %d problems", name, len(notes))
			}
			for _, n := range notes {
				if strings.Contains(n.Error(), "SECRETTEXT") {
					t.Errorf("%s: the problem shows the content", name)
				}
			}
		}
	}
}

func TestAutomaticMutualTLS(t *testing.T) {
	s := build(t, webYAML)
	r := resourcesFor(s, redirected())
	c := r.cluster(t, "outbound|80||web.default.svc.cluster.local")
	if len(c.TransportSocketMatches) != 2 || c.TransportSocket != nil {
		t.Errorf("%v", c)
	}
	if l := r.listener(t, VirtualOutbound); !l.GetUseOriginalDst().GetValue() {
		t.Errorf("%v", l)
	}
	if !proto.Equal(CatchAll(CatchAllInput{}), CatchAll(CatchAllInput{})) {
		t.Error("differs from itself")
	}
}

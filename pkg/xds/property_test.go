package xds

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// variants is a pool of objects, each in several forms: a random walk adds, changes and removes them.
func variants(t testing.TB) map[string][]*config.Object {
	t.Helper()
	pool := map[string][]*config.Object{}
	add := func(yaml string) {
		objects, problems := config.Decode("pool.yaml", strings.NewReader(yaml))
		for _, p := range problems {
			t.Fatal(p)
		}
		for _, o := range objects {
			pool[o.Key.String()] = append(pool[o.Key.String()], o)
		}
	}
	for _, ns := range []string{"a", "b"} {
		for _, svc := range []string{"web", "api", "db"} {
			add(service(ns, svc, "http", 80) + service(ns, svc, "http", 8080) + service(ns, svc, "tcp", 80) + headless(ns, svc))
			for i := range 3 {
				add(workloadEntry(ns, svc, i, "default", 1) + workloadEntry(ns, svc, i, "other", 2))
			}
			add(destinationRule(ns, svc, "DISABLE") + destinationRule(ns, svc, "ISTIO_MUTUAL"))
			add(virtualService(ns, svc, "web", 10) + virtualService(ns, svc, "api", 50) + virtualService(ns, svc, "missing", 50))
		}
		add(peerAuthentication(ns, "STRICT") + peerAuthentication(ns, "DISABLE"))
		add(sidecar(ns, "./*") + sidecar(ns, "*/web."+ns+".svc.cluster.local"))
	}
	for _, ns := range []string{"a", "b", "istio-system"} {
		add(envoyFilter(ns, "web") + envoyFilter(ns, "db") + envoyFilter(ns, ""))
	}
	for _, o := range slices.Concat(gatewayAPI(), features()) {
		add(o)
	}
	add(serviceEntry("ext.example.com", "DNS") + serviceEntry("ext.example.com", "STATIC"))
	add(gateway(80) + gateway(8080))
	for _, o := range policyObjects() {
		add(o)
	}
	add(meshConfig("ALLOW_ANY") + meshConfig("REGISTRY_ONLY") + providers(80, "") +
		providers(8080, "defaultProviders: {tracing: [spans], accessLogging: [grpc-log]}") + providers(80, "defaultConfig: {tracing: {zipkin: {address: \"web.b:80\"}}}"))
	return pool
}

func service(ns, name, protocol string, port int) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  selector: {app: %[2]s}
  ports: [{name: %[3]s, port: %[4]d, targetPort: 8080}]
---`, ns, name, protocol, port)
}

func headless(ns, name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  clusterIP: None
  selector: {app: %[2]s}
  ports: [{name: tcp, port: 9000, targetPort: 8080}, {name: any, port: 9001, targetPort: 8080}]
---`, ns, name)
}

func workloadEntry(ns, svc string, i int, account string, weight int) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: %[2]s-%[3]d, namespace: %[1]s}
spec:
  address: 10.0.%[3]d.%[5]d
  labels: {app: %[2]s, version: v%[3]d, security.istio.io/tlsMode: istio}
  serviceAccount: %[4]s
  weight: %[5]d
---`, ns, svc, i, account, weight)
}

func destinationRule(ns, svc, mode string) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  host: %[2]s
  trafficPolicy: {tls: {mode: %[3]s}, outlierDetection: {interval: -1s}}
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---`, ns, svc, mode)
}

func virtualService(ns, svc, to string, weight int) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  hosts: [%[2]s]
  gateways: [mesh, gw]
  http:
  - match: [{sourceLabels: {app: web}, uri: {prefix: /x}}]
    route: [{destination: {host: %[2]s}}]
  - route:
    - {destination: {host: %[3]s, subset: v1}, weight: %[4]d}
    - {destination: {host: %[2]s}, weight: %[5]d}
---`, ns, svc, to, weight, 100-weight)
}

func peerAuthentication(ns, mode string) string {
	return fmt.Sprintf(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: %s}
spec: {mtls: {mode: %s}}
---`, ns, mode)
}

func sidecar(ns, hosts string) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: %s}
spec: {egress: [{hosts: ["%s"]}]}
---`, ns, hosts)
}

func serviceEntry(host, resolution string) string {
	address := "192.0.2.1"
	if resolution == "DNS" {
		address = "origin.example.com"
	}
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ext, namespace: b}
spec:
  hosts: [%s]
  location: MESH_EXTERNAL
  resolution: %s
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: %s}]
---`, host, resolution, address)
}

// envoyFilter patches something of every type; the cluster that it adds has the name of one that comes and goes.
func envoyFilter(ns, app string) string {
	selector := ""
	if app != "" {
		selector = "workloadSelector: {labels: {app: " + app + "}}"
	}
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: patch, namespace: %[1]s}
spec:
  %[2]s
  configPatches:
  - applyTo: CLUSTER
    match: {cluster: {service: web.a.svc.cluster.local}}
    patch: {operation: MERGE, value: {connect_timeout: 3s}}
  - {applyTo: CLUSTER, match: {cluster: {subset: v2}}, patch: {operation: REMOVE}}
  - {applyTo: CLUSTER, match: {cluster: {portNumber: 8080}}, patch: {operation: MERGE, value: {type: LOGICAL_DNS}}}
  - applyTo: CLUSTER
    patch: {operation: ADD, value: {name: outbound|80|v2|api.a.svc.cluster.local, type: STATIC}}
  - applyTo: VIRTUAL_HOST
    match: {routeConfiguration: {vhost: {name: "web.b.svc.cluster.local:80"}}}
    patch: {operation: MERGE, value: {domains: [web.a.svc.cluster.local, %[1]s.example.com]}}
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND, listener: {portNumber: 8080}}
    patch: {operation: ADD, value: {name: cors, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}}
  - applyTo: LISTENER
    patch: {operation: ADD, value: {name: 0.0.0.0_8080, address: {socket_address: {address: 127.0.0.1, port_value: 9999}}, filter_chains: [{filters: [{name: echo, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]}]}}
  - applyTo: EXTENSION_CONFIG
    patch: {operation: ADD, value: {name: %[1]s, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}}
---`, ns, selector)
}

func gateway(port int) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: a}
spec:
  selector: {app: gateway}
  servers: [{port: {number: %d, name: http, protocol: HTTP}, hosts: ["*"]}]
---`, port)
}

func meshConfig(policy string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: %s}
---`, policy)
}

func proxies() []mesh.Proxy {
	bindings := map[string]uint32{
		"http_proxy": 4000, "inbound|8080": 4001, "outbound|80|db.a.svc.cluster.local": 4002, "gateway|80": 4003, "gateway|8080": 4004, "gateway|443": 4005,
	}
	var out []mesh.Proxy
	for _, ns := range []string{"a", "b"} {
		for _, app := range []string{"web", "db"} {
			labels := map[string]string{"app": app}
			out = append(out,
				mesh.Proxy{ID: "sidecar~10.0.0.1~" + app + "." + ns, Name: app + "-0", Namespace: ns, Labels: labels, Addresses: []string{"10.0.0.1"}},
				mesh.Proxy{ID: "explicit~" + app + "." + ns, Mode: mesh.Explicit, Name: app + "-0", Namespace: ns, Labels: labels, Addresses: []string{"127.0.0.1"}, Bindings: bindings, AppPorts: map[uint32]uint32{8080: 9000}},
			)
		}
	}
	return append(out,
		mesh.Proxy{ID: "grpc.a", Type: mesh.Proxyless, Name: "grpc", Namespace: "a"},
		mesh.Proxy{ID: "far.a", Name: "far-0", Namespace: "a", Labels: map[string]string{"app": "web", "version": "v1"}, Addresses: []string{"10.0.0.2"}, Locality: "r/z", Trusted: true},
		mesh.Proxy{ID: "router.a", Type: mesh.Router, Name: "gw", Namespace: "a", Labels: map[string]string{"app": "gateway"}, Trusted: true},
		mesh.Proxy{ID: "router-explicit.a", Type: mesh.Router, Mode: mesh.Explicit, Name: "gw", Namespace: "a", Labels: map[string]string{"app": "gateway"}, Bindings: bindings},
	)
}

// TestAdvanceEqualsJoin walks through random changes of what the pool holds.
func TestAdvanceEqualsJoin(t *testing.T) {
	pool := variants(t)
	steps := 60
	if testing.Short() {
		steps = 15
	}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { walk(t, pool, proxies(), seed, steps) })
	}
}

// walk goes through random changes: a catalog that followed them has the views of one that begins with the result, tables without a
// change keep their pointer, and Advance names exactly the members whose view differs.
func walk(t *testing.T, pool map[string][]*config.Object, proxies []mesh.Proxy, seed uint64, steps int) {
	keys := slices.Sorted(maps.Keys(pool))
	random := rand.New(rand.NewPCG(seed, 1))
	snapshot := mesh.Build(config.Set{}, mesh.Options{})
	catalog := NewCatalog(snapshot)
	members := map[string]*Member{}
	for _, p := range proxies {
		members[p.ID] = catalog.Join(p)
	}
	for step := range steps {
		b := randomBatch(random, pool, keys)
		before := map[string]*View{}
		for id, m := range members {
			before[id] = m.View()
		}
		var change mesh.Change
		snapshot, change = snapshot.Apply(b)
		woken := map[*Member]bool{}
		for _, m := range catalog.Advance(snapshot, change) {
			woken[m] = true
		}
		fresh := NewCatalog(snapshot)
		for _, p := range proxies {
			m := members[p.ID]
			compareViews(t, fmt.Sprintf("step %d %s %v", step, p.ID, b), fresh.Join(p).View(), m.View())
			if differs := before[p.ID] != m.View(); differs != woken[m] {
				t.Errorf("step %d: %s: view changed %v, woken %v", step, p.ID, differs, woken[m])
			}
		}
		if want, got := distinct(fresh.Problems()), distinct(catalog.Problems()); !slices.Equal(want, got) {
			t.Errorf("step %d: %v: problems %q, a fresh catalog has %q", step, b, got, want)
		}
		if t.Failed() {
			return
		}
	}
}

// randomBatch adds, changes or removes one to three objects of the pool.
func randomBatch(random *rand.Rand, pool map[string][]*config.Object, keys []string) config.Batch {
	var b config.Batch
	for range 1 + random.IntN(3) {
		forms := pool[keys[random.IntN(len(keys))]]
		if chosen := random.IntN(len(forms) + 1); chosen < len(forms) {
			b.Upserts = append(b.Upserts, forms[chosen])
		} else {
			b.Deletes = append(b.Deletes, forms[0].Key)
		}
	}
	b.Upserts, b.Deletes = oncePerKey(b)
	return b
}

func distinct(problems []config.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.Error())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func oncePerKey(b config.Batch) (upserts []*config.Object, deletes []config.Key) {
	seen := map[config.Key]bool{}
	for _, o := range b.Upserts {
		if !seen[o.Key] {
			seen[o.Key], upserts = true, append(upserts, o)
		}
	}
	for _, k := range b.Deletes {
		if !seen[k] {
			seen[k], deletes = true, append(deletes, k)
		}
	}
	return upserts, deletes
}

func compareViews(t *testing.T, what string, want, got *View) {
	t.Helper()
	for _, url := range Types {
		changed, removed := Diff(want.Table(url), got.Table(url))
		for _, r := range changed {
			t.Errorf("%s: %s of the catalog that followed differs from a fresh one's", what, r.Name)
		}
		for _, n := range removed {
			t.Errorf("%s: %s is missing in the catalog that followed", what, n)
		}
	}
}

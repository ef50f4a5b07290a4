package xds

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/test/random"
)

// TestAdvanceEqualsJoinOfAnything is TestAdvanceEqualsJoin with whatever the types of Istio's API can hold.
func TestAdvanceEqualsJoinOfAnything(t *testing.T) {
	seeds, steps := uint64(6), 80
	if testing.Short() {
		seeds, steps = 2, 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { walk(t, randomForms(t, seed), strangers(), seed, steps) })
	}
}

// randomForms is a pool of random objects: of several batches, those with one key are forms of each other. The settings of the mesh come
// up as rarely as any object, in whose place everything is made anew.
func randomForms(t *testing.T, seed uint64) map[string][]*config.Object {
	t.Helper()
	pool := map[string][]*config.Object{}
	for i := range uint64(72) {
		text := random.New(100*seed+i, 2).Batch(2)
		if i == 0 {
			text += "---\n" + service("default", "web", "http", 80) + service("a", "api", "http", 80) + headless("default", "db")
		}
		objects, problems := config.Decode("random.yaml", strings.NewReader(text))
		for _, p := range problems {
			t.Fatal(p)
		}
		for _, o := range objects {
			pool[o.Key.String()] = append(pool[o.Key.String()], o)
		}
	}
	return pool
}

// strangers are clients under the labels that random objects select, apart in all that a configuration may tell apart.
func strangers() []mesh.Proxy {
	bindings := map[string]uint32{"http_proxy": 4000, "inbound|8080": 4001, "inbound|7000": 4002, "gateway|80": 4003, "gateway|443": 4004, "outbound|80|web.default.svc.cluster.local": 4005}
	labels := map[string]string{"app": "web", "version": "v1"}
	edge := map[string]string{"istio": "ingressgateway"}
	sidecar := mesh.Proxy{ID: "redirected", Name: "web-0", Namespace: "default", Labels: labels, Addresses: []string{"10.0.0.1"}, Trusted: true}
	explicit, far, other := sidecar, sidecar, sidecar
	explicit.ID, explicit.Mode, explicit.Bindings, explicit.AppPorts = "explicit", mesh.Explicit, bindings, map[uint32]uint32{8080: 9000}
	far.ID, far.Locality, far.Network, far.Addresses = "far", "r1/z1/s1", "n2", []string{"10.0.0.2"}
	other.ID, other.Namespace, other.Labels, other.Addresses = "other", "a", map[string]string{"app": "api"}, []string{"10.0.0.3"}
	return []mesh.Proxy{
		sidecar, explicit, far, other,
		{ID: "grpc", Type: mesh.Proxyless, Name: "grpc", Namespace: "default"},
		{ID: "gateway", Type: mesh.Router, Name: "gw", Namespace: "istio-system", Labels: edge, Trusted: true},
		{ID: "explicit gateway", Type: mesh.Router, Mode: mesh.Explicit, Name: "gw", Namespace: "istio-system", Labels: edge, Bindings: bindings, Trusted: true},
	}
}

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/anypb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/pkg/authz/ask"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/traffic"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// replica is a control plane that knows some proxies.
type replica struct {
	adminapi.Backend
	name    string
	proxies []adminapi.Proxy
}

func (r replica) Status() adminapi.Status { return adminapi.Status{Instance: r.name, Version: "v1"} }

func (r replica) Proxies() []adminapi.Proxy { return r.proxies }

func (r replica) Rotate(context.Context, string) (adminapi.Certificate, error) {
	return adminapi.Certificate{Serial: r.name}, nil
}

func (r replica) Config(context.Context, string) (map[string][]*anypb.Any, error) { return nil, nil }

func (r replica) Tap(_ context.Context, q tap.Request, emit func(tap.Line) error) error { return nil }

func (r replica) Authorize(ask.Query) ([]ask.Report, error) { return []ask.Report{}, nil }

// dialer connects "POD.NAMESPACE:PORT" with servers of this process.
type dialer map[string]string

func (d dialer) DialPod(ctx context.Context, namespace, pod string, port int) (net.Conn, error) {
	address, ok := d[fmt.Sprintf("%s.%s:%d", pod, namespace, port)]
	if !ok {
		return nil, fmt.Errorf("pod %s/%s: nothing listens on %d", namespace, pod, port)
	}
	var n net.Dialer
	return n.DialContext(ctx, "tcp", address)
}

const objects = `
{apiVersion: v1, kind: Pod, metadata: {name: istiod-a, namespace: istio-system, labels: {app: istiod, istio.io/rev: default}}, status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: istiod-canary-b, namespace: istio-system, labels: {app: istiod, istio.io/rev: canary}}, status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: istiod-c, namespace: istio-system, labels: {app: istiod, istio.io/rev: default}}, status: {phase: Running, conditions: [{type: Ready, status: "False"}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop, labels: {app: web}}, status: {phase: Running, conditions: [{type: Ready, status: "False"}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-2, namespace: shop, labels: {app: web}}, status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: bare, namespace: shop}, status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {selector: {matchLabels: {app: web}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}}}
`

func cluster(t *testing.T, backends ...replica) *remote.Cluster {
	t.Helper()
	kinds := map[schema.GroupVersionResource]string{
		{Version: "v1", Resource: "pods"}: "PodList", {Version: "v1", Resource: "services"}: "ServiceList",
		{Group: "apps", Version: "v1", Resource: "deployments"}: "DeploymentList",
	}
	var all []runtime.Object
	for _, text := range strings.Split(objects, "---\n") {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			t.Fatal(err)
		}
		all = append(all, &o)
	}
	d := dialer{}
	for _, b := range backends {
		server := httptest.NewServer(adminapi.Handler(b))
		t.Cleanup(server.Close)
		d[b.name+".istio-system:9876"] = server.Listener.Addr().String()
	}
	envoy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"configs":[]}`)) }))
	t.Cleanup(envoy.Close)
	d["web-2.shop:15000"] = envoy.Listener.Addr().String()
	d["web-1.shop:15999"] = envoy.Listener.Addr().String()
	return &remote.Cluster{
		Client: fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, all...),
		Dialer: d, Name: "test", System: "istio-system", Namespace: "shop",
	}
}

func proxy(name string, connected bool, since time.Time) adminapi.Proxy {
	return adminapi.Proxy{ID: name + ".shop", Name: name, Namespace: "shop", NodeID: "sidecar~" + name, Connected: connected, ConnectedSince: since}
}

func TestReplicasAreMerged(t *testing.T) {
	now := time.Unix(1000, 0)
	c := cluster(t,
		replica{name: "istiod-a", proxies: []adminapi.Proxy{proxy("web-1", true, now), proxy("web-2", false, now.Add(time.Hour))}},
		replica{name: "istiod-canary-b", proxies: []adminapi.Proxy{proxy("web-1", false, now.Add(-time.Hour)), proxy("web-2", true, now)}},
	)
	all, err := c.Proxies(t.Context())
	if err != nil || len(all) != 2 || !all[0].Connected || !all[1].Connected {
		t.Fatalf("%+v, %v", all, err)
	}
	for id, want := range map[string]string{"web-1.shop": "istiod-a", "web-2.shop": "istiod-canary-b"} {
		if got, err := c.Rotate(t.Context(), id); err != nil || got.Serial != want {
			t.Errorf("%s was rotated by %q, %v", id, got.Serial, err)
		}
	}
	if _, err := c.Config(t.Context(), "web-3.shop"); err == nil || !strings.Contains(err.Error(), "web-3.shop") {
		t.Errorf("an unknown proxy: %v", err)
	}
	if _, err := c.Authorize(t.Context(), ask.Query{}); err != nil {
		t.Error(err)
	}
	c.Revision = "canary"
	if all, err := c.Instances(t.Context()); err != nil || len(all) != 1 || all[0].Pod != "istiod-canary-b" || all[0].Revision != "canary" {
		t.Errorf("%+v, %v", all, err)
	}
	if s, err := c.Status(t.Context()); err != nil || s.Instance != "istiod-canary-b" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestOneReplicaIsEnough(t *testing.T) {
	c := cluster(t, replica{name: "istiod-a", proxies: []adminapi.Proxy{proxy("web-1", true, time.Time{})}})
	if all, err := c.Proxies(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	c = cluster(t)
	if _, err := c.Proxies(t.Context()); !errors.Is(err, adminapi.ErrUnreachable) || !strings.Contains(err.Error(), "istiod-a.istio-system") {
		t.Errorf("without any: %v", err)
	}
}

func TestNoControlPlane(t *testing.T) {
	c := cluster(t)
	c.Revision = "old"
	if _, err := c.Proxies(t.Context()); !errors.Is(err, remote.ErrNoControlPlane) || !strings.Contains(err.Error(), "meshctl install") {
		t.Errorf("%v", err)
	}
}

func TestNames(t *testing.T) {
	c := cluster(t, replica{name: "istiod-a", proxies: []adminapi.Proxy{proxy("web-1", true, time.Time{}), proxy("web-2", true, time.Time{}), proxy("vm", true, time.Time{})}})
	for name, want := range map[string]string{
		"web-1": "web-1.shop", "web-1.shop": "web-1.shop", "pod/web-1": "web-1.shop", "po/web-1.shop": "web-1.shop", "shop/web-1": "web-1.shop",
		"deploy/web": "web-2.shop", "deployment/web.shop": "web-2.shop", "svc/web": "web-2.shop", "vm": "vm.shop", "bare": "bare.shop",
	} {
		if got, err := c.Find(t.Context(), name); err != nil || got.ID != want {
			t.Errorf("%s is %q, %v", name, got.ID, err)
		}
	}
	for name, want := range map[string]string{
		"web": "could be more than one", "pod/none": "no pod \"none\" in namespace shop", "deploy/none": "no deployment \"none\"", "other/web-1": "no proxy is named",
	} {
		if got, err := c.Find(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %q, %v", name, got.ID, err)
		}
	}
}

func TestEnvoyNeedsNoControlPlane(t *testing.T) {
	c := cluster(t)
	p, err := c.Find(t.Context(), "web-2.shop")
	if err != nil {
		t.Fatal(err)
	}
	envoy, err := c.Envoy(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := envoy.ConfigDump(t.Context()); err != nil {
		t.Error(err)
	}
	envoy, err = c.Envoy(adminapi.Proxy{ID: "web-1.shop", Name: "web-1", Namespace: "shop", AdminAddress: "127.0.0.1:15999"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := envoy.ConfigDump(t.Context()); err != nil {
		t.Error(err)
	}
	envoy, _ = c.Envoy(adminapi.Proxy{ID: "bare.shop", Name: "bare", Namespace: "shop"})
	if _, err := envoy.ConfigDump(t.Context()); err == nil || !strings.Contains(err.Error(), "bare.shop") {
		t.Errorf("%v", err)
	}
}

func TestPodsOfAddons(t *testing.T) {
	c := cluster(t, replica{name: "istiod-a"})
	for _, test := range []struct {
		namespaces, selectors []string
		want                  string
	}{
		{[]string{"istio-system", "shop"}, []string{"app.kubernetes.io/name=web", "app=web"}, "shop/web-2"},
		{[]string{"istio-system", ""}, []string{"app=istiod"}, "istio-system/istiod-a"},
		{[]string{"istio-system"}, []string{"app=web"}, "has no pod with label app=web"},
		{[]string{"shop"}, []string{"app=none", "app=nothing"}, "app=none or app=nothing"},
	} {
		namespace, pod, err := c.PodOf(t.Context(), test.namespaces, test.selectors)
		got := namespace + "/" + pod
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%v %v: %s, want %s", test.namespaces, test.selectors, got, test.want)
		}
	}
	instances, err := c.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.DialAdmin(t.Context(), instances[0])
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func (replica) Traffic(context.Context, string) (traffic.Report, error) { return traffic.Report{}, nil }

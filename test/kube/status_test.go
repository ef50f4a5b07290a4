package kube_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/status"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

const judged = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: good, namespace: judged}
spec: {hosts: [good.example], http: [{route: [{destination: {host: shop}}]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: bad, namespace: judged}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*']}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: entry, namespace: judged}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: lost, namespace: judged}
spec:
  parentRefs: [{name: entry}]
  rules: [{backendRefs: [{name: nobody, port: 80}]}]
`

// plane resolves what a cluster holds, as a control plane does, without proxies.
type plane struct {
	mu       sync.Mutex
	snapshot *mesh.Snapshot
	changed  chan struct{}
}

func startPlane(t *testing.T, kinds []config.Kind) *plane {
	p := &plane{snapshot: mesh.Build(config.Set{}, mesh.Options{}), changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	src := open(t, kube.Options{}, "admin", "system:masters").Watch(kinds)
	go func() {
		done <- src.Run(ctx, func(b config.Batch) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.snapshot, _ = p.snapshot.Apply(b)
			select {
			case p.changed <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return p
}

func (p *plane) state() (*mesh.Snapshot, []config.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snapshot, p.snapshot.Problems()
}

func TestStatusIsWrittenBack(t *testing.T) {
	if err := shared.Apply(t.Context(), []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: judged}\n---"+judged)); err != nil {
		t.Fatal(err)
	}
	in := newInputs(t)
	p := startPlane(t, mesh.Kinds())
	ctx, cancel := context.WithCancel(context.Background())
	w := &status.Writer{Client: in.client, State: p.state, Changed: p.changed, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	ended := make(chan struct{})
	go func() { w.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	says := func(group, resource, name string, want ...string) {
		t.Helper()
		at := in.client.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}).Namespace("judged")
		envoytest.Eventually(t, resource+"/"+name+" says "+strings.Join(want, ", "), func() error {
			o, err := at.Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			text, err := o.MarshalJSON()
			if err != nil {
				return err
			}
			_, text2, _ := strings.Cut(string(text), `"status":{`)
			for _, w := range want {
				if !strings.Contains(text2, w) {
					return &missing{w, text2}
				}
			}
			return nil
		})
	}
	says("networking.istio.io", "virtualservices", "good", `"reason":"Accepted"`, `"type":"Reconciled"`, `"status":"True"`)
	says("networking.istio.io", "gateways", "bad", `"reason":"Rejected"`, `"status":"False"`, `"level":"ERROR"`, "tls")
	says("gateway.networking.k8s.io", "gateways", "entry", `"attachedRoutes":1`, `"type":"Programmed"`)
	says("gateway.networking.k8s.io", "httproutes", "lost", `"reason":"BackendNotFound"`, `"controllerName":"istio.io/gateway-controller"`)

	mended := strings.Replace(judged, "hosts: ['*']}", "hosts: ['*'], tls: {mode: PASSTHROUGH}}", 1)
	if err := shared.Apply(t.Context(), []byte(mended)); err != nil {
		t.Fatal(err)
	}
	says("networking.istio.io", "gateways", "bad", `"reason":"Accepted"`)
}

type missing struct{ want, in string }

func (m *missing) Error() string { return "no " + m.want + " in " + m.in }

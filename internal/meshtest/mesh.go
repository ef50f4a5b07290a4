// Package meshtest runs whole meshes in tests: the real control plane over a directory of YAML, real agents and live Envoys. In the
// explicit mode (New) everything is on loopback and programs address their sidecar; in the redirected mode (InPods) each workload is a
// network namespace of its own, as a pod, whose traffic the kernel sends to Envoy. BothModes runs one test in each.
//
// Nothing sleeps: Settle returns when every proxy runs what stands in the directory, and fails the test when one of them refused any of
// it. Only tests import this package.
package meshtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/controlplane"
	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/xds"
)

// caseFile is the file of Case; markerFile says to Settle how far the control plane has read.
const (
	caseFile   = "case.yaml"
	markerFile = "marker.yaml"
)

// marker is an object that only the witness sees: it changes no other proxy.
const marker = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: all, namespace: meshtest}
spec: {egress: [{hosts: ["./*"]}]}
---
apiVersion: v1
kind: Service
metadata: {name: marker-%d, namespace: meshtest, annotations: {networking.istio.io/exportTo: "."}}
spec: {ports: [{name: http, port: 9999}]}
`

// Mesh is a control plane with workloads.
type Mesh struct {
	// Plane is the control plane.
	Plane *controlplanetest.Plane

	t         *testing.T
	workloads []*Workload
	// witness is a proxy that sees when the control plane has read the directory; round counts how often.
	witness *controlplanetest.Proxy
	round   int
}

// New runs a control plane over files (by name) until the test ends; tune changes its options. It skips the test in short mode and
// without an Envoy.
func New(t *testing.T, files map[string]string, tune ...func(*controlplane.Options)) *Mesh {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Envoys")
	}
	envoytest.Binary(t)
	m := &Mesh{t: t, Plane: controlplanetest.Start(t, files, tune...)}
	node := controlplanetest.Node(t, "sidecar~127.0.0.2~witness.meshtest~meshtest.svc.cluster.local", nil)
	m.witness = controlplanetest.Connect(t, m.Plane.DialPlaintext(t), node, nil)
	return m
}

// T is the running test: that of the case inside Case.
func (m *Mesh) T() *testing.T { return m.t }

// Write puts a file into the directory; Settle waits for its effect.
func (m *Mesh) Write(name, yaml string) {
	m.t.Helper()
	m.Plane.Write(name, yaml)
}

// Remove deletes a file of the directory.
func (m *Mesh) Remove(name string) {
	m.t.Helper()
	m.Plane.Remove(name)
}

// Case is a subtest with one more file in the directory. The next case replaces the file.
func (m *Mesh) Case(name, yaml string, test func(t *testing.T)) {
	m.t.Helper()
	m.Subtest(name, func(t *testing.T) {
		t.Helper()
		m.Write(caseFile, yaml)
		m.Settle()
		test(t)
	})
}

// Subtest runs a subtest to which the failures of m and its workloads belong meanwhile.
func (m *Mesh) Subtest(name string, test func(t *testing.T)) {
	outer := m.t
	outer.Run(name, func(t *testing.T) {
		m.t = t
		defer func() { m.t = outer }()
		test(t)
	})
}

// Settle returns once every proxy runs what is in the directory now. The test fails when one of them refuses anything, and when the
// Envoy of one of the workloads (all when none is named) counts a refusal.
func (m *Mesh) Settle(workloads ...*Workload) {
	m.t.Helper()
	m.round++
	m.Plane.Write(markerFile, fmt.Sprintf(marker, m.round))
	m.witness.Await(xds.ClusterType, fmt.Sprintf("outbound|9999||marker-%d.meshtest.svc.cluster.local", m.round), nil)
	ctx, cancel := context.WithTimeout(context.Background(), controlplanetest.Patience)
	defer cancel()
	m.synced(ctx)
	if len(workloads) == 0 {
		workloads = m.workloads
	}
	for _, w := range workloads {
		w.accepted()
	}
}

func (m *Mesh) synced(ctx context.Context) {
	m.t.Helper()
	report, err := m.Plane.API.WaitSync(ctx, controlplanetest.Patience/2) // and time is left to ask who does not answer
	check(m.t, err)
	if report.Synced {
		return
	}
	proxies, _ := m.Plane.API.Proxies(ctx)
	for _, p := range proxies {
		for _, s := range p.Sync {
			switch {
			case s.Nack != nil:
				m.t.Errorf("%s rejects %s: %s", p.ID, s.Nack.Resource, s.Nack.Error)
			case s.State == adminapi.Stale:
				m.t.Errorf("%s: %s is stale, sent %s, acknowledged %s", p.ID, s.Type, s.LastSent, s.LastAck)
			}
		}
	}
	m.t.Errorf("not synced: %v", report.Waiting)
}

// Problem returns the first problem that the control plane reports with all parts in its message, "" when there is none.
func (m *Mesh) Problem(parts ...string) string {
	m.t.Helper()
next:
	for _, p := range m.Plane.Status().Problems {
		for _, part := range parts {
			if !strings.Contains(p.Message, part) {
				continue next
			}
		}
		return p.Message
	}
	return ""
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

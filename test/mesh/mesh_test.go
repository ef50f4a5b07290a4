package mesh_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/standalone"
)

// bookinfoProxies are the proxies of the demo.
var bookinfoProxies = []string{
	"details-v1.default", "istio-ingressgateway.istio-system", "productpage-v1.default", "ratings-v1.default",
	"reviews-v1.default", "reviews-v2.default", "reviews-v3.default",
}

// mesh is a running demo.
type mesh struct {
	*home
	name, config string // config: the user's directory of configuration
	url          string // of the gateway
	demo         *process
	admin        *adminapi.Client
	outside      string   // URL of a server that is not in the mesh
	joined       []string // ids of workloads besides those of the demo
}

// startDemo returns when the demo says that all proxies run what they should.
func startDemo(t *testing.T, args ...string) *mesh {
	t.Helper()
	h := newHome(t)
	m := &mesh{home: h, name: "t", config: filepath.Join(h.state, "yaml")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(h.logs())
		}
	})
	m.demo = h.start(append([]string{"demo", "--mesh", m.name, "--port", "0", "--rps", "0", "--dir", m.config}, args...)...)
	m.demo.says(t, "proxies run what they should", "The page:")
	s := m.status()
	if len(s.IngressURLs) != 1 {
		t.Fatalf("ingress URLs: %v", s.IngressURLs)
	}
	m.url, m.admin = s.IngressURLs[0], adminapi.NewClient(s.ControlPlane.AdminAddress)
	return m
}

// in is the mesh for a subtest.
func (m *mesh) in(t *testing.T) *mesh {
	h, sub := *m.home, *m
	h.t, sub.home = t, &h
	return &sub
}

// ctl runs meshctl on this mesh and fails the test unless it succeeds.
func (m *mesh) ctl(args ...string) string {
	m.t.Helper()
	out, errs, code := m.run(append(args, "--mesh", m.name)...)
	if code != 0 {
		m.t.Fatalf("meshctl %s: exit code %d: %s\n%s", strings.Join(args, " "), code, errs, out)
	}
	return out
}

func (m *mesh) status() standalone.Status {
	m.t.Helper()
	return decode[standalone.Status](m.t, m.ctl("standalone", "status", "-o", "json"))
}

// workload of the status by name.
func (m *mesh) workload(name string) standalone.Workload {
	m.t.Helper()
	all := m.status().Workloads
	i := slices.IndexFunc(all, func(w standalone.Workload) bool { return w.Name == name })
	if i < 0 {
		m.t.Fatalf("no workload %s", name)
	}
	return all[i]
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("not JSON: %v\n%.300s", err, text)
	}
	return v
}

// proxies is what `ps -o json` says, by id.
func (m *mesh) proxies() map[string]adminapi.Proxy {
	m.t.Helper()
	out := map[string]adminapi.Proxy{}
	for _, p := range decode[struct{ Proxies []adminapi.Proxy }](m.t, m.ctl("ps", "-o", "json")).Proxies {
		out[p.ID] = p
	}
	return out
}

// put writes a file of configuration as an editor or cp does, remove deletes it.
func (m *mesh) put(name, content string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.config, name), []byte(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mesh) remove(name string) {
	m.t.Helper()
	if err := os.Remove(filepath.Join(m.config, name)); err != nil {
		m.t.Fatal(err)
	}
}

// ids of the proxies that there should be.
func (m *mesh) ids() []string { return append(slices.Clone(bookinfoProxies), m.joined...) }

// settled waits until the proxies are those given, and each runs what it should.
func (m *mesh) settled() time.Duration {
	m.t.Helper()
	return eventually(m.t, "everything is synced", func() error {
		report, err := m.admin.WaitSync(context.Background(), 5*time.Second)
		if err != nil {
			return err
		}
		if !report.Synced {
			return fmt.Errorf("waiting for %v", report.Waiting)
		}
		proxies, err := m.admin.Proxies(context.Background())
		if err != nil {
			return err
		}
		return syncedOnly(proxies, m.ids())
	})
}

func syncedOnly(proxies []adminapi.Proxy, ids []string) error {
	var found []string
	for _, p := range proxies {
		for _, t := range p.Sync {
			if t.State != adminapi.Synced && t.State != adminapi.NotSent {
				return fmt.Errorf("%s: %s is %s", p.ID, t.Type, t.State)
			}
		}
		if p.Connected && len(p.Sync) > 0 {
			found = append(found, p.ID)
		}
	}
	if slices.Sort(found); !slices.Equal(found, slices.Sorted(slices.Values(ids))) {
		return fmt.Errorf("connected: %v", found)
	}
	return nil
}

// accepted fails the test if any Envoy has refused anything in its life, by its own count.
func (m *mesh) accepted() {
	m.t.Helper()
	proxies := m.proxies()
	for _, id := range m.ids() {
		p := proxies[id]
		for _, t := range p.Sync {
			if t.State == adminapi.Rejected {
				m.t.Errorf("%s rejects %s: %+v", id, t.Type, t.Nack)
			}
		}
		for name, n := range m.counters(p.AdminAddress, "(cds|lds)\\.update_rejected$|init_fetch_timeout$") {
			if n > 0 {
				m.t.Errorf("%s: %s is %d", id, name, n)
			}
		}
	}
}

// same fails the test unless every Envoy runs what the control plane means, once the listeners that are gone have drained.
func (m *mesh) same() {
	m.t.Helper()
	for _, id := range m.ids() {
		eventually(m.t, "no differences in "+id, func() error {
			out, errs, code := m.run("proxy-config", "diff", id, "--mesh", m.name)
			if code != 0 {
				return fmt.Errorf("exit code %d\n%s%s", code, errs, out)
			}
			return nil
		})
	}
}

// meant is what the control plane means each proxy to run.
func (m *mesh) meant() (map[string]string, error) {
	out := map[string]string{}
	proxies, err := m.admin.Proxies(context.Background())
	if err != nil {
		return nil, err
	}
	for _, p := range proxies {
		config, err := m.admin.Config(context.Background(), p.ID)
		if err != nil {
			return nil, err
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, config); err != nil {
			return nil, err
		}
		out[p.ID] = compact.String()
	}
	return out, nil
}

// backTo waits until everything is as before.
func (m *mesh) backTo(before map[string]string) {
	m.t.Helper()
	eventually(m.t, "the configuration is as before", func() error {
		now, err := m.meant()
		if err != nil {
			return err
		}
		if maps.Equal(now, before) {
			return nil
		}
		var differ strings.Builder
		for id := range before {
			if i := unequal(now[id], before[id]); i >= 0 {
				fmt.Fprintf(&differ, "\n%s at %d of %d: ...%.300s\nwas ...%.300s", id, i, len(before[id]), now[id][max(0, i-200):], before[id][max(0, i-200):])
			}
		}
		return fmt.Errorf("%d proxies:%s", len(now), differ.String())
	})
}

// problems are those that the mesh reports now.
func (m *mesh) problems() ([]adminapi.Problem, error) {
	status, err := m.admin.Status(context.Background())
	return status.Problems, err
}

var errNotYet = errors.New("not yet")

func inFile(name string) func(adminapi.Problem) bool {
	return func(p adminapi.Problem) bool { return filepath.Base(p.File) == name }
}

// unequal is where two texts begin to differ; -1 when they do not.
func unequal(a, b string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

// Package live_test drives the real control plane, the real agent and live Envoys as one: what stands in a directory of YAML is what
// traffic meets.
package live_test

import (
	"bytes"
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/samples"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExplicitAccepts and TestRedirectedAccepts put every sample and every input of the translator's tests into the directory of a
// real control plane, one after the other: live Envoys accept each, end SYNCED, and run exactly what they are meant to.
func TestExplicitAccepts(t *testing.T) { accepts(t, bootstrap.ModeNone) }

func TestRedirectedAccepts(t *testing.T) {
	if meshtest.InNamespace(t) {
		accepts(t, bootstrap.ModeRedirect)
	}
}

func accepts(t *testing.T, mode string) {
	t.Run("samples", func(t *testing.T) {
		base := map[string]string{}
		for name, text := range yaml(t, samples.Demo()) {
			base["demo/"+name] = text
		}
		m := meshtest.New(t, base)
		each(m, yaml(t, samples.Bookinfo()), start(m, mode, meshtest.Sidecar("productpage-v1", "app=productpage", "version=v1"), meshtest.Gateway("ingress")))
	})
	t.Run("translations", func(t *testing.T) {
		m := meshtest.New(t, nil)
		each(m, inputs(t), start(m, mode, meshtest.Sidecar("client", "app=client", "version=v1"), meshtest.Gateway("ingress")))
	})
}

func start(m *meshtest.Mesh, mode string, all ...agent.Options) []*meshtest.Workload {
	var out []*meshtest.Workload
	for _, o := range all {
		o.Mode = mode
		out = append(out, m.Start(o))
	}
	return out
}

// each tries every file by itself.
func each(m *meshtest.Mesh, files map[string]string, workloads []*meshtest.Workload) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		m.Case(name, files[name], func(t *testing.T) {
			for _, w := range workloads {
				same(t, m, w)
			}
		})
	}
	for _, w := range workloads {
		for line := range strings.Lines(w.Log.String()) {
			deprecated := strings.Contains(line, "Deprecated field") && !strings.Contains(line, "dns_") // translate says why not these
			if deprecated || strings.Contains(line, "[critical]") {
				m.T().Errorf("envoy says: %.300s", line)
				break
			}
		}
	}
}

// same compares what a proxy is meant to run with what it runs.
func same(t *testing.T, m *meshtest.Mesh, w *meshtest.Workload) {
	t.Helper()
	state := w.State()
	envoytest.Eventually(t, "envoy to run what it is meant to", func() error {
		want, err := m.Plane.API.Config(context.Background(), state.Name+"."+state.Namespace)
		if err != nil {
			return err
		}
		meant, err := proxyconfig.Parse(bytes.NewReader(want))
		if err != nil {
			return err
		}
		return difference(meant, w.Config())
	})
}

func difference(meant, runs *proxyconfig.Dump) error {
	diff := proxyconfig.Diff(meant, runs)
	leaving := slices.ContainsFunc(diff, func(d proxyconfig.Difference) bool { return d.Kind == proxyconfig.Leaving })
	diff = slices.DeleteFunc(diff, func(d proxyconfig.Difference) bool {
		// Listeners of the case before drain for minutes, and keep their routes.
		return d.Kind == proxyconfig.Leaving || leaving && d.Kind == proxyconfig.Extra && d.Type == "route"
	})
	if len(diff) > 0 {
		return &differs{diff}
	}
	return nil
}

type differs struct{ list []proxyconfig.Difference }

func (d *differs) Error() string {
	var b strings.Builder
	for _, one := range d.list {
		b.WriteString("\n" + one.Kind + " " + one.Type + " " + one.Name + " " + one.Message)
		for _, p := range one.Paths {
			b.WriteString("\n  " + p.Path)
		}
	}
	return b.String()
}

// yaml returns the files of a folder by name.
func yaml(t *testing.T, folder fs.FS) map[string]string {
	t.Helper()
	names, err := fs.Glob(folder, "*.yaml")
	check(t, err)
	out := map[string]string{}
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		check(t, err)
		out[name] = string(text)
	}
	return out
}

// inputs are the inputs of the translator's golden tests.
func inputs(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../pkg/translate/testdata/*/input.yaml")
	check(t, err)
	out := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		check(t, err)
		out[filepath.Base(filepath.Dir(f))] = string(text)
	}
	if len(out) == 0 {
		t.Fatal("no inputs")
	}
	return out
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

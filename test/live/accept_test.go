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

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/samples"
)

// TestExplicitAccepts and TestRedirectedAccepts put every sample and every input of the translator's tests into the directory of a
// real control plane, one after the other: live Envoys accept each, end SYNCED, and run exactly what they are meant to.
func TestExplicitAccepts(t *testing.T) { accepts(t, bootstrap.ModeNone) }

func TestRedirectedAccepts(t *testing.T) {
	if inNamespace(t) {
		accepts(t, bootstrap.ModeRedirect)
	}
}

func accepts(t *testing.T, mode string) {
	t.Run("samples", func(t *testing.T) {
		base := map[string]string{}
		for name, text := range yaml(t, samples.Demo()) {
			base["demo/"+name] = text
		}
		r := newRig(t, base)
		sidecar := r.start(sidecarOptions(mode, "productpage-v1", "app=productpage", "version=v1"))
		gateway := r.start(gatewayOptions(mode))
		r.each(yaml(t, samples.Bookinfo()), sidecar, gateway)
	})
	t.Run("translations", func(t *testing.T) {
		r := newRig(t, nil)
		sidecar := r.start(sidecarOptions(mode, "client", "app=client", "version=v1"))
		gateway := r.start(gatewayOptions(mode))
		r.each(inputs(t), sidecar, gateway)
	})
}

// each tries every file by itself.
func (r *rig) each(files map[string]string, workloads ...*workload) {
	outer := r.t
	defer func() { r.t = outer }()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		outer.Run(name, func(t *testing.T) {
			r.t = t
			r.plane.Write("tried.yaml", files[name])
			r.settle(workloads...)
			for _, w := range workloads {
				r.same(w)
			}
		})
	}
	for _, w := range workloads {
		for line := range strings.Lines(w.log.String()) {
			deprecated := strings.Contains(line, "Deprecated field") && !strings.Contains(line, "dns_") // translate says why not these
			if deprecated || strings.Contains(line, "[critical]") {
				outer.Errorf("envoy says: %.300s", line)
				break
			}
		}
	}
}

// same compares what a proxy is meant to run with what it runs.
func (r *rig) same(w *workload) {
	r.t.Helper()
	state := w.now()
	envoytest.Eventually(r.t, "envoy to run what it is meant to", func() error {
		want, err := r.plane.API.Config(context.Background(), state.Name+"."+state.Namespace)
		if err != nil {
			return err
		}
		have, err := envoytest.Get(w.admin, "/config_dump?include_eds")
		if err != nil {
			return err
		}
		return difference(want, have)
	})
}

func difference(want, have []byte) error {
	meant, err := proxyconfig.Parse(bytes.NewReader(want))
	if err != nil {
		return err
	}
	runs, err := proxyconfig.Parse(bytes.NewReader(have))
	if err != nil {
		return err
	}
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

func sidecarOptions(mode, name string, labels ...string) agent.Options {
	o := agent.Options{Namespace: "default", Name: name, ServiceAccount: "client", Labels: map[string]string{}, Mode: mode}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		o.Labels[k] = v
	}
	return o
}

func gatewayOptions(mode string) agent.Options {
	return agent.Options{
		Type: bootstrap.TypeRouter, Namespace: "istio-system", Name: "ingress", ServiceAccount: "ingress", Mode: mode,
		Labels: map[string]string{"app": "istio-ingressgateway", "istio": "ingressgateway"},
	}
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

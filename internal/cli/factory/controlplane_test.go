package factory_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

const kubeconfig = `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, namespace: shop}}], clusters: [{name: k, cluster: {server: "https://127.0.0.1:1"}}]}`

// machine is where a command runs.
type machine struct {
	state      string // address of the mesh of which there is a state, if any
	kubeconfig bool   // KUBECONFIG names one
}

func (m machine) choose(t *testing.T, args ...string) (factory.ControlPlane, error) {
	t.Helper()
	home := t.TempDir()
	config := filepath.Join(home, "kubeconfig")
	if err := os.WriteFile(config, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &factory.Factory{IO: genericiooptions.NewTestIOStreamsDiscard(), Mesh: meshstate.DefaultMesh, Getenv: func(name string) string {
		switch {
		case name == "HOME":
			return home
		case name == "KUBECONFIG" && m.kubeconfig:
			return config
		}
		return ""
	}}
	if m.state != "" {
		dir, err := f.StateDir()
		if err != nil {
			t.Fatal(err)
		}
		if err := meshstate.Save(dir, meshstate.MeshState{Mesh: f.Mesh, AdminAddress: m.state}); err != nil {
			t.Fatal(err)
		}
	}
	var flags factory.Mesh
	cmd := &cobra.Command{}
	cmd.Flags().StringVar(&f.Mesh, "mesh", f.Mesh, "")
	flags.AddFlags(cmd, true)
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "FILE", config)
	}
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return f.ControlPlane(t.Context(), flags)
}

func inCluster(p factory.ControlPlane) bool {
	_, ok := p.(*remote.Cluster)
	return ok
}

func TestWhichMeshIsMeant(t *testing.T) {
	server := httptest.NewServer(adminapi.Handler(nil))
	defer server.Close()
	runs, gone := server.Listener.Addr().String(), "127.0.0.1:1"
	for _, test := range []struct {
		name    string
		machine machine
		args    []string
		cluster bool
	}{
		{"a flag means a cluster", machine{state: runs}, []string{"--kubeconfig", "FILE"}, true},
		{"a context too", machine{state: runs, kubeconfig: true}, []string{"--context", "c"}, true},
		{"what runs here goes before KUBECONFIG", machine{state: runs, kubeconfig: true}, nil, false},
		{"what left its state does not", machine{state: gone, kubeconfig: true}, nil, true},
		{"nothing runs here", machine{kubeconfig: true}, nil, true},
		{"--mesh means this machine", machine{state: gone, kubeconfig: true}, []string{"--mesh", "default"}, false},
		{"nothing else is there", machine{state: gone}, nil, false},
	} {
		p, err := test.machine.choose(t, test.args...)
		if err != nil || inCluster(p) != test.cluster {
			t.Errorf("%s: cluster %v, %v", test.name, inCluster(p), err)
		}
	}
}

func TestNoMesh(t *testing.T) {
	if _, err := (machine{}).choose(t); !errors.Is(err, factory.ErrNoMesh) || !strings.Contains(err.Error(), "--kubeconfig") {
		t.Errorf("nothing anywhere: %v", err)
	}
	if _, err := (machine{kubeconfig: true}).choose(t, "--mesh", "other"); !errors.Is(err, factory.ErrNoMesh) {
		t.Errorf("a mesh that does not run: %v", err)
	}
	if _, err := (machine{}).choose(t, "--mesh", "other", "--context", "c"); exitcode.Of(err) != exitcode.Usage {
		t.Errorf("both: %v", err)
	}
	if _, err := (machine{}).choose(t, "--context", "c"); err == nil || errors.Is(err, kube.ErrNoCluster) || !strings.Contains(err.Error(), `no context "c"`) {
		t.Errorf("a context of nothing: %v", err)
	}
}

func TestNamesAreOfTheContextsNamespace(t *testing.T) {
	p, err := machine{kubeconfig: true}.choose(t, "--revision", "canary")
	if err != nil {
		t.Fatal(err)
	}
	c := p.(*remote.Cluster)
	if c.Namespace != "shop" || c.System != "istio-system" || c.Revision != "canary" || c.Name != "c" {
		t.Errorf("%+v", c)
	}
	if p, err = (machine{kubeconfig: true}).choose(t, "-n", "other", "--system-namespace", "mesh"); err != nil {
		t.Fatal(err)
	}
	if c := p.(*remote.Cluster); c.Namespace != "other" || c.System != "mesh" {
		t.Errorf("%+v", c)
	}
}

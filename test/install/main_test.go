// Package install_test installs into a real Kubernetes API server. There are no nodes and no controllers: what they would do is done by
// controllers of these tests, so that a test decides what becomes of a workload.
package install_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/internal/cli"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/pkg/install"
	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/test/cluster"
)

// shared is the cluster of all tests. Each leaves it as it was.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Run(func(c *cluster.Cluster) int {
		shared = c
		return m.Run()
	}))
}

const system = "istio-system"

// dial returns a client with all rights.
func dial(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	config, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func raw(t *testing.T) dynamic.Interface {
	t.Helper()
	config, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	d, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func installer(t *testing.T, c *client.Client) *install.Installer {
	t.Helper()
	return &install.Installer{Client: c, Namespace: system}
}

// outcome is what a run of meshctl came to.
type outcome struct {
	code        int
	out, errOut string
}

func meshctl(t *testing.T, args ...string) outcome {
	t.Helper()
	return meshctlAs(t, admin(t), args...)
}

func admin(t *testing.T) string {
	t.Helper()
	path, err := shared.Kubeconfig(t.TempDir(), "admin", time.Time{}, "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func meshctlAs(t *testing.T, kubeconfig string, args ...string) outcome {
	t.Helper()
	var out, errOut bytes.Buffer
	f := &factory.Factory{
		IO: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}, Now: time.Now, Mesh: meshstate.DefaultMesh,
		Getenv: func(string) string { return "" },
	}
	code := cli.Execute(t.Context(), f, append(args, "--kubeconfig", kubeconfig))
	return outcome{code, out.String(), errOut.String()}
}

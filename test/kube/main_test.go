// Package kube_test runs `meshctl analyze --live` against a real kube-apiserver.
package kube_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/meshctl/meshctl/internal/cli"
	"github.com/meshctl/meshctl/internal/cli/analyze/report"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/test/cluster"
)

// shared is the cluster of all tests. They do not change each other's objects.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Run(func(c *cluster.Cluster) int {
		shared = c
		if err := prepare(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}))
}

func prepare(ctx context.Context) error {
	definitions, err := cluster.Definitions(ctx)
	if err != nil {
		return err
	}
	shop, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		return err
	}
	return shared.Apply(ctx, append(append(definitions, "\n---\n"...), shop...))
}

// kubeconfig lets a user in.
func kubeconfig(t *testing.T, user string, groups ...string) string {
	t.Helper()
	path, err := shared.Kubeconfig(t.TempDir(), user, time.Time{}, groups...)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func admin(t *testing.T) string { return kubeconfig(t, "admin", "system:masters") }

// outcome is what a run of meshctl came to.
type outcome struct {
	code        int
	out, errOut string
}

// meshctl runs it without any mesh or kubeconfig but what env and args name.
func meshctl(t *testing.T, env map[string]string, args ...string) outcome {
	t.Helper()
	home := t.TempDir()
	var out, errOut bytes.Buffer
	f := &factory.Factory{
		IO: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}, Now: time.Now, Mesh: meshstate.DefaultMesh,
		Getenv: func(name string) string {
			if name == "HOME" {
				return home
			}
			return env[name]
		},
	}
	code := cli.Execute(t.Context(), f, args)
	return outcome{code, out.String(), errOut.String()}
}

// document reads the JSON of a run.
func (o outcome) document(t *testing.T) report.Document {
	t.Helper()
	var d report.Document
	if err := json.Unmarshal([]byte(o.out), &d); err != nil {
		t.Fatalf("%v in:\n%s\n%s", err, o.out, o.errOut)
	}
	return d
}

// codes are the findings of an object.
func codes(d report.Document, kind, namespace, name string) []string {
	out := []string{}
	for _, f := range d.Diagnostics {
		if o := f.Object; o != nil && o.Kind == kind && o.Namespace == namespace && o.Name == name {
			out = append(out, string(f.Code))
		}
	}
	return out
}

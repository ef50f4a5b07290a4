package kube_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/cli/analyze/report"
)

func TestFindsWhatIsWrongInACluster(t *testing.T) {
	run := meshctl(t, nil, "analyze", "--live", "--kubeconfig", admin(t), "-o", "json")
	d := run.document(t)
	if run.code != 3 || d.Origin != "cluster test" || len(d.Skipped) > 0 || len(d.Failed) > 0 {
		t.Errorf("exit %d, origin %q, skipped %v, failed %v\n%s", run.code, d.Origin, d.Skipped, d.Failed, run.errOut)
	}
	if got := codes(d, "VirtualService", "shop", "lost"); !slices.Contains(got, "IST0101") {
		t.Errorf("VirtualService lost: %v", got)
	}
	if !slices.ContainsFunc(d.Diagnostics, func(f report.Diagnostic) bool {
		return f.Object != nil && f.Object.Name == "front" && strings.Contains(f.Message, "front-tls")
	}) {
		t.Error("nothing is said of the secret that the Gateway front lacks")
	}
	if got := codes(d, "VirtualService", "shop", "reviews"); len(got) > 0 {
		t.Errorf("VirtualService reviews: %v", got)
	}
	for _, f := range d.Diagnostics {
		if f.Position != nil {
			t.Errorf("%s of %+v stands at %+v", f.Code, f.Object, f.Position)
		}
	}
	if strings.Contains(run.out+run.errOut, "sesame") {
		t.Error("a secret shows")
	}
}

func TestSaysWhereFindingsAre(t *testing.T) {
	run := meshctl(t, map[string]string{"KUBECONFIG": admin(t)}, "analyze", "--live", "-n", "shop", "--kinds", "VirtualService")
	want := "cluster test: error IST0101 VirtualService shop/lost: spec.http[0].route[0].destination.host: "
	if run.code != 3 || !strings.HasPrefix(run.out, want) {
		t.Errorf("exit %d:\n%s\n%s", run.code, run.out, run.errOut)
	}
}

func TestFilesAreLaidOverTheCluster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lost.yaml")
	write := func(host string) {
		t.Helper()
		text := strings.Replace(lost, "HOST", host, 1)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"analyze", "--live", "--kubeconfig", admin(t), "-n", "shop", "--kinds", "VirtualService", file}
	write("reviews")
	if run := meshctl(t, nil, args...); run.code != 0 || run.out != "" {
		t.Errorf("repaired: exit %d\n%s\n%s", run.code, run.out, run.errOut)
	}
	write("ratings")
	run := meshctl(t, nil, args...)
	if run.code != 3 || strings.Count(run.out, "IST0101") != 1 || !strings.HasPrefix(run.out, file+":7:") {
		t.Errorf("still wrong: exit %d\n%s\n%s", run.code, run.out, run.errOut)
	}
}

const lost = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: lost, namespace: shop}
spec:
  hosts: [lost.example.com]
  http:
  - route: [{destination: {host: HOST}}]
`

func TestMissingPermissionLeavesAnalyzersOut(t *testing.T) {
	run := meshctl(t, nil, "analyze", "--live", "--kubeconfig", kubeconfig(t, "reader"), "-o", "json")
	d := run.document(t)
	if got := codes(d, "VirtualService", "shop", "lost"); run.code != 3 || !slices.Contains(got, "IST0101") {
		t.Errorf("exit %d, VirtualService lost: %v\n%s", run.code, got, run.errOut)
	}
	for _, f := range d.Diagnostics {
		if strings.Contains(f.Message, "front-tls") {
			t.Errorf("judges a secret that it could not see: %s", f.Message)
		}
	}
	if len(d.Skipped) == 0 {
		t.Error("no analyzer is named as left out")
	}
	if !strings.Contains(run.errOut, "warning: cluster test: this user may not list Secret in all namespaces") {
		t.Errorf("stderr:\n%s", run.errOut)
	}
	for _, s := range d.Skipped {
		if s.Reason != "could not read Secret (forbidden)" {
			t.Errorf("%s: %s", s.Analyzer, s.Reason)
		}
	}
	// Without anything to complain of it is no failure.
	if run := meshctl(t, nil, "analyze", "--live", "--kubeconfig", kubeconfig(t, "reader"), "--fail-on", "error", "--suppress", "*=* *"); run.code != 0 {
		t.Errorf("exit %d\n%s", run.code, run.errOut)
	}
}

func TestClustersThatCannotBeAsked(t *testing.T) {
	expired, err := shared.Kubeconfig(t.TempDir(), "late", time.Now().Add(-time.Hour), "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	away := edited(t, admin(t), shared.URL, "https://127.0.0.1:1")
	for _, c := range []struct{ name, kubeconfig, want string }{
		{"expired", expired, "cluster test does not accept the credentials"},
		{"wrong address", away, "cluster test at 127.0.0.1:1 does not answer: "},
		{"no such file", "/nowhere/kubeconfig", "kubeconfig: "},
	} {
		run := meshctl(t, nil, "analyze", "--live", "--kubeconfig", c.kubeconfig)
		if run.code != 1 || !strings.Contains(run.errOut, "error: "+c.want) || strings.Count(run.errOut, "\n") != 1 || run.out != "" {
			t.Errorf("%s: exit %d\n%s%s", c.name, run.code, run.out, run.errOut)
		}
	}
	if run := meshctl(t, nil, "analyze", "--live", "--kubeconfig", admin(t), "--context", "other"); run.code != 1 || !strings.Contains(run.errOut, `no context "other" (it has test)`) {
		t.Errorf("exit %d\n%s", run.code, run.errOut)
	}
	if run := meshctl(t, nil, "analyze", "--live"); run.code != 1 || !strings.Contains(run.errOut, "nothing runs that could be analyzed") {
		t.Errorf("exit %d\n%s", run.code, run.errOut)
	}
}

func edited(t *testing.T, path, old, new string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, new)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

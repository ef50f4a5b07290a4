//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/meshctl/meshctl/test/e2e/rig"
)

// fails runs an installation beside the mesh that cannot succeed, and wants its cause told in time and nothing left.
func fails(t *testing.T, want string, args ...string) {
	t.Helper()
	began := time.Now()
	r := rig.Meshctl(t, append([]string{"install", "--profile", "minimal", "--timeout", "2m", "-y"}, args...)...)
	took := time.Since(began)
	if r.Code == 0 || !regexp.MustCompile(want).MatchString(r.Stderr) {
		t.Errorf("exit code %d, no %q in:\n%s", r.Code, want, r.Stderr)
	}
	t.Logf("told after %s: %s", took.Round(100*time.Millisecond), lastLine(r.Stderr))
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestCausesAreTold has installations fail in every way that an operator meets at night.
func TestCausesAreTold(t *testing.T) {
	rig.Node(t)
	install(t)
	t.Run("an image that is not there", func(t *testing.T) {
		fails(t, `image .*no-such-tag.* cannot be pulled`, "--revision", "broken", "--set", "tag=no-such-tag", "--atomic")
	})
	t.Run("a quota of zero", func(t *testing.T) {
		rig.Apply(t, system, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: '0'}}\n")
		defer rig.Kubectl(t, "-n", system, "delete", "resourcequota", "none")
		fails(t, `exceeded quota: none`, "--revision", "broken", "--atomic")
	})
	t.Run("a missing permission", func(t *testing.T) {
		fails(t, `(?s)nobody.*(may not|cannot|forbidden)`, "--revision", "broken", "--as", "nobody")
	})
	t.Run("a webhook that cannot be reached", func(t *testing.T) {
		rig.Apply(t, "", deadWebhook)
		defer rig.Kubectl(t, "delete", "validatingwebhookconfiguration", "dead.example")
		fails(t, `dead\.example`, "--revision", "broken", "--atomic")
	})
	t.Run("an old Kubernetes", func(t *testing.T) {
		fails(t, `1\.22`, "--revision", "broken", "--kubeconfig", oldKubernetes(t))
	})
	t.Run("an interrupted installation, run again", interrupted)
	left := rig.Kubectl(t, "get", "all,configmaps,mutatingwebhookconfigurations,clusterroles", "-A", "-l", "istio.io/rev=broken", "-o", "name")
	if left != "" {
		t.Errorf("left behind:\n%s", left)
	}
	mustRun(t, "check")
}

const deadWebhook = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: dead.example}
webhooks:
- name: dead.example.com
  clientConfig: {service: {name: dead, namespace: default}}
  rules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]
  failurePolicy: Fail
  sideEffects: None
  timeoutSeconds: 2
  admissionReviewVersions: [v1]
`

// interrupted kills installations at moments that differ, and wants the next one to succeed and its removal to be complete.
func interrupted(t *testing.T) {
	for _, after := range []time.Duration{300, 700, 1500, 3000} {
		ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
		err := exec.CommandContext(ctx, "../../bin/meshctl", "install", "--profile", "minimal", "--revision", "broken", "-y").Run()
		cancel()
		t.Logf("after %d ms: %v", after, err)
	}
	mustRun(t, "install", "--profile", "minimal", "--revision", "broken", "--timeout", "2m", "-y")
	mustRun(t, "uninstall", "--revision", "broken", "-y")
}

// oldKubernetes is the cluster behind a proxy that says it is an older one.
func oldKubernetes(t *testing.T) string {
	t.Helper()
	access, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(t, err)
	target, err := url.Parse(access.Host)
	must(t, err)
	transport, err := rest.TransportFor(access)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"major":"1","minor":"22","gitVersion":"v1.22.17"}`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	config := clientcmdapi.NewConfig()
	config.Clusters["old"] = &clientcmdapi.Cluster{Server: server.URL}
	config.Contexts["old"] = &clientcmdapi.Context{Cluster: "old"}
	config.CurrentContext = "old"
	path := filepath.Join(t.TempDir(), "old.kubeconfig")
	must(t, clientcmd.WriteToFile(*config, path))
	return path
}

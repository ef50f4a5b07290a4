//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/test/e2e/rig"
)

const system = "istio-system"

// installed makes sure that the cluster has the mesh, once for all tests that need it; before is what the cluster held until then.
var (
	installed sync.Once
	before    []string
)

func install(t *testing.T) {
	t.Helper()
	installed.Do(func() {
		before = objects(t)
		began := time.Now()
		mustRun(t, "install", "--profile", "demo", "--timeout", "2m", "-y")
		t.Logf("installed, and all ready, in %s", time.Since(began).Round(100*time.Millisecond))
	})
}

// mustRun runs meshctl and returns what it wrote.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	r := rig.Meshctl(t, args...)
	if r.Code != 0 {
		t.Fatalf("meshctl %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// sample reads a file of the Bookinfo sample, with the images of this build.
func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../samples/bookinfo/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var tag string
	for line := range strings.Lines(mustRun(t, "image", "list")) {
		if image, _, _ := strings.Cut(line, " "); strings.Contains(image, "/bookinfo:") {
			_, tag, _ = strings.Cut(image, ":")
		}
	}
	return strings.ReplaceAll(string(text), "bookinfo:dev", "bookinfo:"+tag)
}

// bookinfo runs the sample application in a namespace with sidecars, two pods of each version, and lets the world in.
func bookinfo(t *testing.T) (namespace, url string) {
	t.Helper()
	namespace = rig.Namespace(t, "istio-injection=enabled")
	rig.Apply(t, namespace, sample(t, "bookinfo.yaml"))
	rig.Apply(t, namespace, sample(t, "bookinfo-gateway.yaml"))
	rig.Kubectl(t, "-n", namespace, "wait", "--for=condition=Available", "deploy", "--all", "--timeout=2m")
	ip := rig.Kubectl(t, "-n", system, "get", "service", "istio-ingressgateway", "-o", "jsonpath={.spec.clusterIP}")
	url = "http://" + ip
	rig.Eventually(t, time.Minute, func(ctx context.Context) error {
		_, err := page(ctx, url+"/productpage", http.StatusOK)
		return err
	})
	return namespace, url
}

// page gets a URL and wants a status.
func page(ctx context.Context, url string, want int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != want {
		err = fmt.Errorf("%s: %s", url, answer.Status)
	}
	return string(body), err
}

// TestBookinfo is the way of a newcomer: the sample application gets sidecars, is reached through the gateway, lets no plaintext in when it is
// told so, and follows a VirtualService.
func TestBookinfo(t *testing.T) {
	rig.Node(t)
	install(t)
	namespace, url := bookinfo(t)
	looks(t, namespace, url)

	rig.Apply(t, namespace, "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default}\nspec: {mtls: {mode: STRICT}}\n")
	ip := rig.Kubectl(t, "-n", namespace, "get", "pods", "-l", "app=reviews,version=v1", "-o", "jsonpath={.items[0].status.podIP}")
	rig.Eventually(t, 10*time.Second, func(ctx context.Context) error {
		if _, err := page(ctx, "http://"+ip+":9080/reviews/0", http.StatusOK); err == nil {
			return errors.New("plaintext still passes")
		}
		return nil
	})
	if _, err := page(t.Context(), url+"/productpage", http.StatusOK); err != nil {
		t.Errorf("with STRICT: %v", err)
	}

	rig.Apply(t, namespace, sample(t, "destination-rule-all.yaml"))
	rig.Apply(t, namespace, sample(t, "virtual-service-reviews-v3.yaml"))
	rig.Eventually(t, 10*time.Second, func(ctx context.Context) error {
		for range 20 {
			body, err := page(ctx, url+"/api/v1/products/0/reviews", http.StatusOK)
			if err == nil && !strings.Contains(body, `"podname":"reviews-v3-`) {
				err = fmt.Errorf("not from v3: %.80s", body)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})

	rig.Eventually(t, 10*time.Second, func(context.Context) error {
		out := mustRun(t, "proxy-status")
		if n := strings.Count(out, "."+namespace+" "); n != 6 || strings.Contains(out, "STALE") || strings.Contains(out, "REJECTED") {
			return fmt.Errorf("%d proxies:\n%s", n, out)
		}
		return nil
	})
	if out := mustRun(t, "proxy-config", "clusters", "deploy/productpage-v1."+namespace); !strings.Contains(out, "reviews") {
		t.Errorf("clusters of productpage:\n%s", out)
	}
	mustRun(t, "check")
	rig.Eventually(t, 10*time.Second, func(context.Context) error {
		text := rig.Kubectl(t, "-n", namespace, "get", "virtualservice", "reviews", "-o", "jsonpath={.status.conditions[0].reason}")
		if text != "Accepted" {
			return fmt.Errorf("status of the VirtualService says %q", text)
		}
		return nil
	})
}

// TestBadConfigurationIsRefused is the validating webhook's work.
func TestBadConfigurationIsRefused(t *testing.T) {
	install(t)
	namespace := rig.Namespace(t)
	bad := `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bad}
spec:
  hosts: [a.example]
  http: [{match: [{uri: {regex: "(unclosed"}}], route: [{destination: {host: a}}]}]
`
	r, err := rig.Try(t.Context(), bad, "kubectl", "apply", "-n", namespace, "-f", "-")
	if err == nil || !strings.Contains(r.Stderr, "regex") {
		t.Errorf("%v: %s%s", err, r.Stdout, r.Stderr)
	}
}

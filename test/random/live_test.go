package random_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/envoytest/wasmtest"
	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/test/random"
)

var (
	seed    = flag.Uint64("random.seed", 1, "of the first batch")
	batches = flag.Int("random.batches", 10, "how many batches to try in each mode")
	size    = flag.Int("random.size", 100, "objects in a batch")
)

// wild is how many of a hundred values are odd ones.
const wild = 3

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// base is what the random objects refer to.
const base = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.99.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 7000}, {name: grpc, port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: a}
spec: {clusterIP: 10.99.0.2, ports: [{name: http, port: 80}, {name: https, port: 443}, {name: grpc, port: 9000}, {name: auto, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: None, selector: {app: web}, ports: [{name: mysql, port: 3306, targetPort: 7000}, {name: http, port: 80, targetPort: 8080}]}
`

// In a namespace of its own, so that nobody is asked for the names in it.
func TestEnvoyAcceptsRandomConfiguration(t *testing.T) {
	if !meshtest.InNamespace(t) {
		return
	}
	m := meshtest.New(t, map[string]string{"base.yaml": base})
	web := meshtest.Sidecar("web", "app=web", "version=v1")
	web.Ports = meshtest.StartProgram(t, "web").Ports()
	m.Start(web)
	m.Start(meshtest.Gateway("ingress"))
	tryAll(t, m)
}

func TestRedirectedEnvoyAcceptsRandomConfiguration(t *testing.T) {
	meshtest.InPods(t, map[string]string{"base.yaml": base}, func(p *meshtest.Pods) {
		p.Pod(meshtest.Sidecar("web", "app=web", "version=v1"))
		p.Pod(meshtest.Gateway("ingress"))
		tryAll(p.T(), p.Mesh)
	})
}

// tryAll wants that whatever the types of the API can hold, Envoy takes what is made of it.
func tryAll(t *testing.T, m *meshtest.Mesh) {
	module := filepath.Join(t.TempDir(), "plugin.wasm")
	if err := os.WriteFile(module, wasmtest.Module(wasmtest.Behaviour{}), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(*batches) {
		m.Subtest(fmt.Sprintf("seed %d", *seed+i), func(t *testing.T) {
			text := strings.ReplaceAll(random.New(*seed+i, wild).Batch(*size), random.Module, "file://"+module)
			m.Write("random.yaml", text)
			m.Settle()
			_, problems := config.Decode("random.yaml", strings.NewReader(text))
			for _, p := range problems {
				if p.Severity == config.Error {
					t.Error(p)
				}
			}
			if t.Failed() {
				path := filepath.Join(os.TempDir(), fmt.Sprintf("random-%d.yaml", *seed+i))
				if os.WriteFile(path, []byte(text), 0o600) == nil {
					t.Logf("the batch is %s", path)
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

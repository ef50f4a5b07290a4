package agent

import (
	"encoding/json"
	"path/filepath"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/meshctl/meshctl/internal/agent/dial"
	"github.com/meshctl/meshctl/internal/agent/extension"
)

// insecureRegistries is the entry of proxyMetadata with the registries, separated by commas, that are reached without TLS: Istio's
// agent has it as an environment variable.
const insecureRegistries = "WASM_INSECURE_REGISTRIES"

// newExtensions makes the part that fetches WasmPlugins and TrafficExtensions.
func (a *agent) newExtensions() *extension.Manager {
	dir := filepath.Join(a.o.StateDir, "extensions")
	discovery := dial.Target{Address: a.o.XDSAddress, ServerName: a.o.ServerName, RootFile: a.o.RootFile, Plaintext: a.o.Plaintext}
	return extension.New(extension.Options{
		Connect: func() (*grpc.ClientConn, error) { return discovery.Connect(a.certs.ClientCertificate) },
		Node:    a.launcher.message,
		Store:   extension.NewStore(dir, a.launcher.insecureRegistries),
		Judge:   extension.NewJudge(a.o.EnvoyPath, dir),
		Log:     a.o.Log,
	})
}

// message is the node of the present life, as Envoy sends it.
func (l *launcher) message() (*corev3.Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	document, err := json.Marshal(l.node().Document())
	if err != nil {
		return nil, err
	}
	out := &corev3.Node{}
	return out, protojson.Unmarshal(document, out)
}

func (l *launcher) insecureRegistries() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	metadata, _ := l.settings.document["proxyMetadata"].(map[string]any)
	listed, _ := metadata[insecureRegistries].(string)
	var out []string
	for host := range split(strings.ToLower(listed)) {
		out = append(out, host)
	}
	return out
}

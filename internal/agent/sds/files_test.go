package sds

import (
	"os"
	"path/filepath"
	"testing"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/meshctl/meshctl/internal/agent/certs"
)

func TestFileSecrets(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for _, path := range []string{cert, key} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	decode := func(name string) *tlsv3.Secret {
		t.Helper()
		found, ok := lookup(certs.State{}, name)
		if !ok {
			t.Fatalf("%s: not served", name)
		}
		out := &tlsv3.Secret{}
		if err := found.body.UnmarshalTo(out); err != nil || out.Name != name {
			t.Fatalf("%s: %v, %v", name, out, err)
		}
		return out
	}
	if c := decode("file-root:" + cert).GetValidationContext(); c.GetTrustedCa().GetFilename() != cert || c.GetWatchedDirectory().GetPath() != dir {
		t.Errorf("got %v", c)
	}
	c := decode("file-cert:" + cert + "~" + key).GetTlsCertificate()
	if c.GetCertificateChain().GetFilename() != cert || c.GetPrivateKey().GetFilename() != key {
		t.Errorf("got %v", c)
	}
	if firstFile(systemRoots) != "" {
		decode("file-root:system")
	}
	for _, name := range []string{
		"file-root:" + filepath.Join(dir, "none"), "file-root:" + dir, "file-root:relative.pem", "file-root:",
		"file-cert:" + cert, "file-cert:" + cert + "~" + filepath.Join(dir, "none"), "other",
	} {
		if _, ok := lookup(certs.State{}, name); ok {
			t.Errorf("%s is served", name)
		}
	}
}

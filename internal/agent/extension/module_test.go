package extension

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func zipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

func archived(name string, data []byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "README", Mode: 0o600, Size: 2})
	_, _ = w.Write([]byte("hi"))
	_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data))})
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

func TestUnpack(t *testing.T) {
	module := append(bytes.Clone(wasmHeader), "content"...)
	for name, data := range map[string][]byte{
		"as it is": module, "gzip": zipped(module), "tar": archived("./plugin.wasm", module), "tar.gz": zipped(archived("a/b.wasm", module)),
		"gzip in tar": archived("x.wasm", zipped(module)),
	} {
		var got bytes.Buffer
		if err := unpack(&got, bytes.NewReader(data)); err != nil || !bytes.Equal(got.Bytes(), module) {
			t.Errorf("%s: %q %v", name, &got, err)
		}
	}
	for want, data := range map[string][]byte{
		"begins with \"\"": nil, "begins with \"<html>\"": []byte("<html>"), "component": componentHeader, "no file NAME.wasm": archived("x.txt", module),
		"gzip": {0x1f, 0x8b, 1, 2}, "archive": archived("x.wasm", module)[:700], "no WebAssembly module": zipped([]byte("text")),
		"archive in an archive": zipped(zipped(zipped(zipped(module)))),
	} {
		if err := unpack(io.Discard, bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	endless := io.MultiReader(bytes.NewReader(wasmHeader), zeros{})
	if err := unpack(io.Discard, endless); err == nil || !strings.Contains(err.Error(), "larger than 256 MiB") {
		t.Errorf("endless module: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func FuzzUnpack(f *testing.F) {
	f.Add(wasmHeader)
	f.Add(zipped(archived("x.wasm", wasmHeader)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		if unpack(&out, bytes.NewReader(data)) == nil && !bytes.HasPrefix(out.Bytes(), wasmHeader) {
			t.Errorf("%q is a module", &out)
		}
	})
}

func TestLogins(t *testing.T) {
	const file = `{"auths": {
		"https://index.docker.io/v1/": {"auth": "aHViOnNlY3JldDp3aXRoIGNvbG9u"},
		"registry.example.com:5000": {"username": "u", "password": "p"},
		"*.corp.example": {"identitytoken": "t"}, "ghcr.io/org": {"registrytoken": "r"}}}`
	l, err := readLogins([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"registry-1.docker.io": "hub secret:with colon  ", "registry.example.com:5000": "u p  ", "a.corp.example": "  t ", "b.a.corp.example": "   ",
		"ghcr.io": "   r", "registry.example.com": "   ",
	} {
		c, err := l.credential(t.Context(), host)
		if got := strings.Join([]string{c.Username, c.Password, c.RefreshToken, c.AccessToken}, " "); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", host, got, err, want)
		}
	}
	for _, broken := range []string{"null!", `{"auths": []}`, `{"auths": {"a": {"auth": "c2VjcmV0"}}}`, `{"auths": {"a": {"auth": "%secret"}}}`} {
		if _, err := readLogins([]byte(broken)); err == nil || strings.Contains(err.Error(), "secret\"") || strings.Contains(err.Error(), "c2V") {
			t.Errorf("%s: %v", broken, err)
		}
	}
}

func TestReachable(t *testing.T) {
	for address, want := range map[string]bool{
		"169.254.169.254:80": false, "[fe80::1%eth0]:443": false, "[fd00:ec2::254]:80": false, "100.100.100.200:80": false,
		"[::ffff:169.254.169.254]:80": false, "127.0.0.1:5000": true, "10.0.0.1:443": true, "192.0.2.1:443": true,
	} {
		if err := reachable(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestVerdict(t *testing.T) {
	output := []string{
		"Failed to load Wasm module due to a missing import: env.x", "Wasm VM failed Failed to initialize Wasm code", "Plugin trial failed to load",
		"Unable to create Wasm plugin trial",
	}
	if got, want := verdict(output), "Failed to load Wasm module due to a missing import: env.x; Failed to initialize Wasm code"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

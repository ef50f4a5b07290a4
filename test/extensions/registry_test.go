package extensions_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// registry serves images as the OCI distribution specification says, and files, on loopback.
type registry struct {
	*httptest.Server

	mu sync.Mutex
	// content by path: manifests, blobs and files, with their media type.
	content map[string]served
	// password of the user "puller" for images whose name begins with "private".
	password string
}

type served struct {
	mediaType string
	data      []byte
}

func newRegistry(t *testing.T) *registry {
	r := &registry{content: map[string]served{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// host is HOST:PORT.
func (r *registry) host() string { return strings.TrimPrefix(r.URL, "http://") }

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, password, _ := req.BasicAuth(); strings.HasPrefix(req.URL.Path, "/v2/private") && password != r.password {
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	found, ok := r.content[req.URL.Path]
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", found.mediaType)
	w.Header().Set("Docker-Content-Digest", digest(found.data))
	_, _ = w.Write(found.data)
}

func (r *registry) put(path, mediaType string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.content[path] = served{mediaType, data}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Media types of the three forms of images.
const (
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	ociLayer       = "application/vnd.oci.image.layer.v1.tar+gzip"
	wasmLayer      = "application/vnd.module.wasm.content.layer.v1+wasm"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// push puts an image of one layer under a tag and returns the digest of its manifest.
func (r *registry) push(repository, tag, manifestType, layerType string, layer []byte) string {
	config := []byte("{}")
	descriptor := func(mediaType string, data []byte) map[string]any {
		r.put("/v2/"+repository+"/blobs/"+digest(data), "application/octet-stream", data)
		return map[string]any{"mediaType": mediaType, "digest": digest(data), "size": len(data)}
	}
	return r.manifest(repository, tag, manifestType, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": descriptor("application/vnd.oci.image.config.v1+json", config),
		"layers": []any{descriptor("application/vnd.oci.empty.v1+json", []byte("{ }")), descriptor(layerType, layer)},
	})
}

// index puts an index with one manifest for each platform "OS/ARCHITECTURE" under a tag.
func (r *registry) index(repository, tag string, manifests map[string]string) string {
	var list []any
	for platform, manifest := range manifests {
		system, architecture, _ := strings.Cut(platform, "/")
		data := r.content["/v2/"+repository+"/manifests/"+manifest].data
		list = append(list, map[string]any{
			"mediaType": ociManifest, "digest": manifest, "size": len(data), "platform": map[string]any{"os": system, "architecture": architecture},
		})
	}
	return r.manifest(repository, tag, ociIndex, map[string]any{"schemaVersion": 2, "mediaType": ociIndex, "manifests": list})
}

func (r *registry) manifest(repository, tag, mediaType string, content map[string]any) string {
	data, _ := json.Marshal(content)
	r.put("/v2/"+repository+"/manifests/"+tag, mediaType, data)
	r.put("/v2/"+repository+"/manifests/"+digest(data), mediaType, data)
	return digest(data)
}

// archive is a file system with a module, as a layer of an image for containers.
func archive(module []byte) []byte {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	files := tar.NewWriter(zip)
	for name, data := range map[string][]byte{"README": []byte("a plugin"), "plugin.wasm": module} {
		_ = files.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))})
		_, _ = files.Write(data)
	}
	_, _ = files.Close(), zip.Close()
	return b.Bytes()
}

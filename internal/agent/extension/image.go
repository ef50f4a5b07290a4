package extension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// Media types of images that hold a module, besides those of OCI's image specification
// (https://github.com/solo-io/wasm/tree/master/spec, https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/).
const (
	dockerManifest     = "application/vnd.docker.distribution.manifest.v2+json"
	dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerLayer        = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	wasmContentLayer   = "application/vnd.module.wasm.content.layer.v1+wasm"
	wasmLayer          = "application/wasm"
)

// maxManifest bounds manifests and indices in bytes.
const maxManifest = 4 << 20

// image is one image in a registry.
type image struct {
	repository *remote.Repository
	manifest   ocispec.Descriptor
}

// openImage finds the image "REGISTRY/REPOSITORY[:TAG][@DIGEST]"; plain says of a registry that it speaks no TLS. credentials is a Docker
// configuration file, nil for none.
func openImage(ctx context.Context, client *http.Client, reference string, credentials []byte, plain func(host string) bool) (*image, error) {
	repository, err := remote.NewRepository(reference)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = plain(repository.Reference.Host())
	logins, err := readLogins(credentials)
	if err != nil {
		return nil, err
	}
	repository.Client = &auth.Client{Client: client, Cache: auth.NewCache(), Credential: logins.credential}
	repository.ManifestMediaTypes = []string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, dockerManifest, dockerManifestList}
	manifest, err := repository.Resolve(ctx, repository.Reference.Reference)
	if err != nil {
		return nil, explain(err, repository.Reference.Registry)
	}
	return &image{repository, manifest}, nil
}

// digest is that of the manifest or index, in hexadecimal.
func (i *image) digest() string { return i.manifest.Digest.Encoded() }

// module writes the module in the image to w.
func (i *image) module(ctx context.Context, w io.Writer) error {
	manifest, err := i.layers(ctx)
	if err != nil {
		return err
	}
	layer, err := moduleLayer(manifest)
	if err != nil {
		return err
	}
	blob, err := i.repository.Fetch(ctx, layer)
	if err != nil {
		return err
	}
	defer blob.Close()
	verified := content.NewVerifyReader(blob, layer)
	if err := unpack(w, verified); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, verified); err != nil { // the rest of an archive
		return err
	}
	return verified.Verify()
}

// layers reads the manifest, that for this machine when there are several.
func (i *image) layers(ctx context.Context) (ocispec.Manifest, error) {
	var manifest ocispec.Manifest
	at := i.manifest
	if at.MediaType == ocispec.MediaTypeImageIndex || at.MediaType == dockerManifestList {
		var index ocispec.Index
		if err := i.read(ctx, at, &index); err != nil {
			return manifest, err
		}
		if len(index.Manifests) == 0 {
			return manifest, errors.New("the image has no manifest")
		}
		at = index.Manifests[max(0, slices.IndexFunc(index.Manifests, forThisMachine))]
	}
	return manifest, i.read(ctx, at, &manifest)
}

func forThisMachine(d ocispec.Descriptor) bool {
	p := d.Platform
	return p != nil && (p.Architecture == "wasm" || p.OS == "linux" && p.Architecture == runtime.GOARCH)
}

func (i *image) read(ctx context.Context, at ocispec.Descriptor, to any) error {
	if at.Size > maxManifest {
		return errors.New("the image's manifest is too large")
	}
	data, err := content.FetchAll(ctx, i.repository, at)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

// moduleLayer finds the layer with the module: one that is nothing else, or the last of an image for containers.
func moduleLayer(m ocispec.Manifest) (ocispec.Descriptor, error) {
	for _, l := range m.Layers {
		if l.MediaType == wasmContentLayer || l.MediaType == wasmLayer {
			return l, nil
		}
	}
	if len(m.Layers) == 0 {
		return ocispec.Descriptor{}, errors.New("the image has no layer")
	}
	last := m.Layers[len(m.Layers)-1]
	switch last.MediaType {
	case dockerLayer, ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayer:
		return last, nil
	default:
		return ocispec.Descriptor{}, fmt.Errorf("the image has no layer that can hold a module, the last is %q", last.MediaType)
	}
}

// explain adds what to do to what a client says of a server that speaks no TLS.
func explain(err error, registry string) error {
	if strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		return fmt.Errorf("%w: list %s in WASM_INSECURE_REGISTRIES of the ProxyConfig's proxyMetadata if it is to be trusted without TLS", err, registry)
	}
	return err
}

// loopback reports whether a registry is on this machine, where there is nobody to hide from.
func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return name == "localhost" || err == nil && ip.IsLoopback()
}

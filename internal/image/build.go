// Package image makes the container images of the mesh (https://github.com/opencontainers/image-spec) without a container engine: from the
// programs that meshctl holds or finds beside itself. The same programs give the same digests.
package image

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/meshctl/meshctl/internal/bundle"
)

// Options say which images to build.
type Options struct {
	Hub      string // registry and path, e.g. "meshctl.io"
	Tag      string
	Platform string   // e.g. "linux/amd64"
	Names    []string // of Names(); empty means all
	// Base is the image below Envoy and the agent, in the place of this machine's libc. Nil means none.
	Base        v1.Image
	Compression Compression
	Sources     Sources
}

// Image is one that was built.
type Image struct {
	Name      string   // e.g. "meshd"
	Reference string   // as it was asked for, e.g. "meshctl.io/meshd:v1.2.3"
	Tag       name.Tag // the same, for registries
	v1.Image
}

// recipe is what an image is made of.
type recipe struct {
	name, title string
	// parts are a layer each, what changes most rarely first, so that registries and nodes keep the layers that versions share.
	parts      []bundle.Part
	entrypoint string
	user       string // numeric, so that a kubelet can see that it is not root
	port       string
	takesBase  bool
}

// The users of images.
const (
	nonroot = "65532:65532"
	// proxyUser is the one whose traffic is not redirected.
	proxyUser = "1337:1337"
)

func recipes() []recipe {
	return []recipe{
		{name: "meshd", title: "Control plane of the mesh", parts: []bundle.Part{bundle.Meshd}, entrypoint: "/usr/local/bin/meshd", user: nonroot},
		{name: "mesh-proxy", title: "Envoy and its agent", parts: []bundle.Part{bundle.Libc, bundle.Envoy, bundle.Agent},
			entrypoint: "/usr/local/bin/mesh-agent", user: proxyUser, takesBase: true},
		{name: "bookinfo", title: "Bookinfo sample application", parts: []bundle.Part{bundle.Bookinfo}, entrypoint: "/usr/local/bin/bookinfo", user: nonroot, port: "9080/tcp"},
	}
}

// Names lists the images.
func Names() []string {
	var names []string
	for _, r := range recipes() {
		names = append(names, r.name)
	}
	return names
}

// ParsePlatform checks that images can be made for a platform.
func ParsePlatform(s string) (*v1.Platform, error) {
	os, arch, _ := strings.Cut(s, "/")
	if _, ok := machines[arch]; !ok || os != "linux" {
		return nil, fmt.Errorf("platform %q: images are made for linux/amd64 and linux/arm64", s)
	}
	return &v1.Platform{OS: os, Architecture: arch}, nil
}

// Build makes the images in the order of Names. Nothing is written anywhere.
func Build(ctx context.Context, o Options) ([]Image, error) {
	platform, err := ParsePlatform(o.Platform)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(Compressions(), o.Compression) {
		return nil, fmt.Errorf("compression %q: use none, gzip or zstd", o.Compression)
	}
	for _, n := range o.Names {
		if !slices.Contains(Names(), n) {
			return nil, fmt.Errorf("no image is called %q: there are %s", n, strings.Join(Names(), ", "))
		}
	}
	var images []Image
	shared := map[string]*layer{}
	for _, r := range recipes() {
		if len(o.Names) > 0 && !slices.Contains(o.Names, r.name) {
			continue
		}
		reference := o.Hub + "/" + r.name + ":" + o.Tag
		tag, err := name.NewTag(reference, name.StrictValidation)
		if err != nil {
			return nil, fmt.Errorf("hub %q and tag %q make no reference to an image: %w", o.Hub, o.Tag, err)
		}
		img, err := o.build(ctx, r, platform, shared)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", r.name, err)
		}
		images = append(images, Image{r.name, reference, tag, img})
	}
	return images, nil
}

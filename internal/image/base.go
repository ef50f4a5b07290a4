package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Base returns the image that where names, for a platform: a tar as `docker save` and Save write it, a directory in OCI image layout, or
// a reference, which is pulled.
func Base(ctx context.Context, where string, platform *v1.Platform) (v1.Image, error) {
	info, err := os.Stat(where)
	switch {
	case err == nil && info.IsDir():
		return fromLayout(where, platform)
	case err == nil:
		return tarball.ImageFromPath(where, nil)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	ref, err := name.ParseReference(where)
	if err != nil {
		return nil, fmt.Errorf("no file has this name, and it is no reference to an image: %w", err)
	}
	return remote.Image(ref, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithPlatform(*platform))
}

func fromLayout(dir string, platform *v1.Platform) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	return fromIndex(index, platform)
}

// fromIndex finds the only image for a platform. Images without a platform are taken for what they say of themselves.
func fromIndex(index v1.ImageIndex, platform *v1.Platform) (v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var found []v1.Descriptor
	for _, d := range manifest.Manifests {
		if d.MediaType.IsIndex() {
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			return fromIndex(inner, platform)
		}
		if d.Platform == nil || match.Platforms(*platform)(d) {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("holds %d images for %s instead of one", len(found), platform)
	}
	return index.Image(found[0].Digest)
}

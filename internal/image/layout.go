package image

import (
	"errors"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
)

// Layout writes images to a directory in OCI image layout, in place of those of the same name and platform. Blobs that it holds already
// are not written again.
func Layout(dir string, images []Image) error {
	l, err := layout.FromPath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		l, err = layout.Write(dir, empty.Index)
	}
	if err != nil {
		return err
	}
	for _, img := range images {
		c, err := img.ConfigFile()
		if err != nil {
			return err
		}
		same := func(d v1.Descriptor) bool {
			return match.Name(img.Reference)(d) && (d.Platform == nil || match.Platforms(*c.Platform())(d))
		}
		// Tools such as skopeo find an image of a layout by this annotation.
		annotations := map[string]string{"org.opencontainers.image.ref.name": img.Reference, "io.containerd.image.name": img.Reference}
		if err := l.ReplaceImage(img.Image, same, layout.WithAnnotations(annotations), layout.WithPlatform(*c.Platform())); err != nil {
			return err
		}
	}
	return nil
}

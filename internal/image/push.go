package image

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Push writes images to their registry, which is asked for each layer before it is sent. Credentials are those of Docker's and Podman's
// configuration files. insecure allows plain HTTP to a registry that is not on this machine.
func Push(ctx context.Context, images []Image, insecure bool) error {
	var options []name.Option
	if insecure {
		options = append(options, name.Insecure)
	}
	writes := map[name.Reference]remote.Taggable{}
	for _, img := range images {
		ref, err := name.NewTag(img.Reference, options...)
		if err != nil {
			return err
		}
		writes[ref] = img.Image
	}
	if err := remote.MultiWrite(writes, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

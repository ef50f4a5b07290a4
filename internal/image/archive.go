package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Save writes images as one tar that is both an OCI image layout (https://github.com/opencontainers/image-spec/blob/main/image-layout.md),
// which containerd reads, and what `docker save` writes, which every version of `docker load` reads. Blobs that images share are written once.
func Save(w io.Writer, images []Image) error {
	a := &archive{tar: tar.NewWriter(w), made: map[string]bool{}}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	docker := tarball.Manifest{}
	if err := a.put("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	for _, img := range images {
		oci, legacy, err := a.image(img)
		if err != nil {
			return fmt.Errorf("image %s: %w", img.Name, err)
		}
		index.Manifests, docker = append(index.Manifests, oci), append(docker, legacy)
	}
	if err := a.putJSON("index.json", index); err != nil {
		return err
	}
	if err := a.putJSON("manifest.json", docker); err != nil {
		return err
	}
	return a.tar.Close()
}

type archive struct {
	tar  *tar.Writer
	made map[string]bool // names of the blobs that are written
}

// image writes the blobs of an image and returns its entries in the two lists.
func (a *archive) image(img Image) (v1.Descriptor, tarball.Descriptor, error) {
	var none v1.Descriptor
	legacy := tarball.Descriptor{RepoTags: []string{img.Reference}}
	layers, err := img.Layers()
	if err != nil {
		return none, legacy, err
	}
	for _, l := range layers {
		at, err := a.layer(l)
		if err != nil {
			return none, legacy, err
		}
		legacy.Layers = append(legacy.Layers, at)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return none, legacy, err
	}
	id, err := img.ConfigName()
	if err != nil {
		return none, legacy, err
	}
	if legacy.Config, err = a.blob(id, int64(len(config)), bytes.NewReader(config)); err != nil {
		return none, legacy, err
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return none, legacy, err
	}
	digest, err := img.Digest()
	if err != nil {
		return none, legacy, err
	}
	if _, err := a.blob(digest, int64(len(manifest)), bytes.NewReader(manifest)); err != nil {
		return none, legacy, err
	}
	c, err := img.ConfigFile()
	if err != nil {
		return none, legacy, err
	}
	return v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Size: int64(len(manifest)), Digest: digest, Platform: c.Platform(),
		// The first is containerd's, the second the specification's.
		Annotations: map[string]string{"io.containerd.image.name": img.Reference, "org.opencontainers.image.ref.name": img.Tag.TagStr()},
	}, legacy, nil
}

func (a *archive) layer(l v1.Layer) (string, error) {
	digest, err := l.Digest()
	if err != nil {
		return "", err
	}
	size, err := l.Size()
	if err != nil {
		return "", err
	}
	in, err := l.Compressed()
	if err != nil {
		return "", err
	}
	defer in.Close()
	return a.blob(digest, size, in)
}

func (a *archive) blob(h v1.Hash, size int64, in io.Reader) (string, error) {
	at := "blobs/" + h.Algorithm + "/" + h.Hex
	if a.made[at] {
		return at, nil
	}
	a.made[at] = true
	if err := a.tar.WriteHeader(header(tar.TypeReg, at, 0o644, size)); err != nil {
		return "", err
	}
	_, err := io.Copy(a.tar, in)
	return at, err
}

func (a *archive) putJSON(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.put(name, data)
}

func (a *archive) put(name string, data []byte) error {
	if err := a.tar.WriteHeader(header(tar.TypeReg, name, 0o644, int64(len(data)))); err != nil {
		return err
	}
	_, err := a.tar.Write(data)
	return err
}

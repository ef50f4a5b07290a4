//go:build linux

package node

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/meshctl/meshctl/internal/image"
	"github.com/meshctl/meshctl/test/cluster"
)

// The images that every node has.
const (
	// PodImage is an image whose program is at /pod: `pause`, `serve ADDRESS` (HTTP) or `get URL`; see mods/pod.
	PodImage = "cluster.test/pod:1"
	dnsImage = "cluster.test/coredns:1"
)

// makeImages writes them into archives.
func (s *spec) makeImages() ([]string, error) {
	var paths []string
	for _, i := range []struct {
		reference, program string
		part               cluster.Part
	}{{PodImage, "pod", cluster.Pod}, {dnsImage, "coredns", cluster.CoreDNS}} {
		path := s.file(i.program + ".tar")
		if err := MakeImage(path, i.reference, s.program(i.part, i.program), i.program); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// MakeImage writes an archive of an image that holds one static program, at a path without the leading slash. It is uncompressed: that is imported
// fastest.
func MakeImage(path, reference, program, at string) error {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var layer bytes.Buffer
	t := tar.NewWriter(&layer)
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: at, Mode: 0o755, Size: int64(len(data))}); err != nil {
		return err
	}
	if _, err := t.Write(data); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.AppendLayers(img, static.NewLayer(layer.Bytes(), types.OCIUncompressedLayer)); err != nil {
		return err
	}
	c, err := img.ConfigFile()
	if err != nil {
		return err
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Config = "linux", runtime.GOARCH, v1.Config{Entrypoint: []string{"/" + at}, WorkingDir: "/"}
	if img, err = mutate.ConfigFile(img, c); err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	return image.Save(out, []image.Image{{Name: filepath.Base(at), Reference: reference, Tag: tag, Image: img}})
}

package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/image"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("net/http.(*http2ClientConn).readLoop"))
}

// program is the head of a static program, and a text behind it.
func program(machine elf.Machine, text string) []byte {
	head := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Ehsize: 64, Phentsize: 56, Shentsize: 64}
	copy(head.Ident[:], elf.ELFMAG)
	head.Ident[elf.EI_CLASS], head.Ident[elf.EI_DATA], head.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, head) // a buffer takes everything
	b.WriteString(text)
	return b.Bytes()
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// options are those of a machine with all programs and the certificates of one authority.
func options(t *testing.T) image.Options {
	dir := t.TempDir()
	for _, p := range []string{"meshd", "mesh-agent", "bookinfo", "envoy"} {
		write(t, filepath.Join(dir, p), program(elf.EM_X86_64, p))
	}
	write(t, filepath.Join(dir, "root/etc/ssl/certs/ca-certificates.crt"), []byte("authority"))
	return image.Options{
		Hub: "meshctl.io", Tag: "v1", Platform: "linux/amd64", Compression: image.None,
		Sources: image.Sources{Dir: dir, Host: "linux/amd64", Root: filepath.Join(dir, "root"), Own: true},
	}
}

func build(t *testing.T, o image.Options) []image.Image {
	t.Helper()
	images, err := image.Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return images
}

func digests(t *testing.T, images []image.Image) []string {
	t.Helper()
	var all []string
	for _, img := range images {
		d, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d.String())
	}
	return all
}

func TestImagesAreValidAndRunWithoutRoot(t *testing.T) {
	for _, c := range image.Compressions() {
		o := options(t)
		o.Compression = c
		for _, img := range build(t, o) {
			if c == image.Gzip { // package validate reads no other
				if err := validate.Image(img.Image); err != nil {
					t.Errorf("%s %s: %v", c, img.Name, err)
				}
			}
			config, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if uid, _, _ := strings.Cut(config.Config.User, ":"); uid == "" || uid == "0" || uid == "root" {
				t.Errorf("%s runs as %q", img.Name, config.Config.User)
			}
			if len(config.Config.Entrypoint) != 1 || !slices.Contains(paths(t, img), strings.TrimPrefix(config.Config.Entrypoint[0], "/")) {
				t.Errorf("%s: entrypoint %v of %v", img.Name, config.Config.Entrypoint, paths(t, img))
			}
			if len(config.History) != len(config.RootFS.DiffIDs) {
				t.Errorf("%s: %d lines of history, %d layers", img.Name, len(config.History), len(config.RootFS.DiffIDs))
			}
		}
	}
}

// paths lists the files of an image.
func paths(t *testing.T, img v1.Image) []string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for tr := tar.NewReader(r); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.Uid != 0 || h.ModTime.Unix() != 0 || h.Uname != "" {
				t.Errorf("%s: owner %d %q, time %v", h.Name, h.Uid, h.Uname, h.ModTime)
			}
			found[h.Name] = true
		}
		_ = r.Close()
	}
	return slices.Sorted(maps.Keys(found))
}

func TestContents(t *testing.T) {
	images := build(t, options(t))
	want := "etc/ etc/group etc/nsswitch.conf etc/passwd etc/ssl/ etc/ssl/certs/ etc/ssl/certs/ca-certificates.crt tmp/ usr/ usr/local/ usr/local/bin/ usr/local/bin/envoy usr/local/bin/mesh-agent"
	if got := strings.Join(paths(t, images[1]), " "); got != want {
		t.Errorf("mesh-proxy holds %s", got)
	}
}

func TestDigestsDependOnContentAlone(t *testing.T) {
	a, b := options(t), options(t)
	if x, y := digests(t, build(t, a)), digests(t, build(t, b)); !slices.Equal(x, y) {
		t.Errorf("%v and %v", x, y)
	}
	write(t, filepath.Join(b.Sources.Dir, "mesh-agent"), program(elf.EM_X86_64, "another"))
	x, y := build(t, a), build(t, b)
	if d, e := digests(t, x), digests(t, y); d[0] != e[0] || d[1] == e[1] || d[2] != e[2] {
		t.Errorf("with another agent: %v and %v", d, e)
	}
	before, _ := x[1].Manifest()
	after, _ := y[1].Manifest()
	if n := len(before.Layers); before.Layers[n-2].Digest != after.Layers[n-2].Digest {
		t.Error("another agent changed Envoy's layer")
	}
}

func TestTheArchiveIsBothOfThem(t *testing.T) {
	o := options(t)
	o.Compression = image.Gzip // which package validate can read
	images := build(t, o)
	var b bytes.Buffer
	if err := image.Save(&b, images); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for tr := tar.NewReader(bytes.NewReader(b.Bytes())); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, h.Name), data)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	for i, img := range images {
		tag, err := name.NewTag(img.Reference)
		if err != nil {
			t.Fatal(err)
		}
		docker, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }, &tag)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := img.ConfigName()
		if got, err := docker.ConfigName(); err != nil || got != want {
			t.Errorf("%s: %v, %v", img.Name, got, err)
		}
		manifest, err := index.IndexManifest()
		if err != nil || manifest.Manifests[i].Annotations["io.containerd.image.name"] != img.Reference {
			t.Errorf("%s: %v, %v", img.Name, manifest, err)
		}
	}
}

func TestPushAndBase(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	o := options(t)
	o.Hub, o.Compression = strings.TrimPrefix(server.URL, "http://")+"/mesh", image.Gzip
	images := build(t, o)
	if err := image.Push(t.Context(), images, false); err != nil {
		t.Fatal(err)
	}
	for _, img := range images {
		got, err := remote.Image(img.Tag)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(got); err != nil {
			t.Error(err)
		}
	}
	platform, _ := image.ParsePlatform("linux/amd64")
	base, err := image.Base(t.Context(), images[2].Reference, platform)
	if err != nil {
		t.Fatal(err)
	}
	o.Base, o.Names = base, []string{"mesh-proxy"}
	held := paths(t, build(t, o)[0])
	if !slices.Contains(held, "usr/local/bin/bookinfo") || !slices.Contains(held, "usr/local/bin/envoy") {
		t.Errorf("on a base: %v", held)
	}
	o.Platform, o.Sources.Host = "linux/arm64", "linux/arm64"
	if _, err := image.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "base image is for linux/amd64") {
		t.Errorf("another platform: %v", err)
	}
	if _, err := image.Base(t.Context(), "no/such file", platform); err == nil {
		t.Error("a base of no name")
	}
}

func TestLayoutIsReplaced(t *testing.T) {
	o := options(t)
	o.Compression = image.Gzip // which package validate can read
	dir := filepath.Join(t.TempDir(), "layout")
	for range 2 {
		if err := image.Layout(dir, build(t, o)); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := index.IndexManifest(); err != nil || len(m.Manifests) != 3 {
		t.Errorf("%v, %v", m, err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	images := build(t, options(t))
	for to, want := range map[string]string{
		"containerd":      "ctr --namespace k8s.io images import - <tar",
		"containerd:/x/y": "ctr --address /x/y --namespace k8s.io images import - <tar",
		"kind:staging":    "kind load image-archive FILE --name staging",
		"docker":          "docker load <tar",
	} {
		got := ""
		err := image.Load(t.Context(), to, images, func(_ context.Context, in io.Reader, name string, args ...string) error {
			for i, a := range args {
				if strings.HasSuffix(a, ".tar") {
					if _, err := os.Stat(a); err != nil {
						t.Error(err)
					}
					args[i] = "FILE"
				}
			}
			got = name + " " + strings.Join(args, " ")
			if in != nil {
				if _, err := tar.NewReader(in).Next(); err != nil {
					t.Error(err)
				}
				got += " <tar"
			}
			return nil
		})
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", to, got, err)
		}
	}
	refuse := func(context.Context, io.Reader, string, ...string) error { return errors.New("refused") }
	if err := image.Load(t.Context(), "containerd", images, refuse); err == nil || !strings.Contains(err.Error(), "load into containerd: refused") {
		t.Errorf("a tool that fails: %v", err)
	}
	if err := image.Load(t.Context(), "floppy", images, refuse); err == nil || !strings.Contains(err.Error(), "minikube") {
		t.Errorf("no such target: %v", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for what, test := range map[string]struct {
		change func(*image.Options)
		want   string
	}{
		"a missing program":     {func(o *image.Options) { _ = os.Remove(filepath.Join(o.Sources.Dir, "meshd")) }, "make build"},
		"another architecture":  {func(o *image.Options) { o.Platform, o.Sources.Host = "linux/arm64", "linux/arm64" }, "is not for linux/arm64"},
		"another system":        {func(o *image.Options) { o.Platform = "windows/amd64" }, "linux/amd64 and linux/arm64"},
		"a tag of no use":       {func(o *image.Options) { o.Tag = "v1+x" }, "make no reference"},
		"an unknown image":      {func(o *image.Options) { o.Names = []string{"ztunnel"} }, "mesh-proxy"},
		"something else":        {func(o *image.Options) { _ = os.WriteFile(filepath.Join(o.Sources.Dir, "meshd"), []byte("#!"), 0o700) }, "not a program for Linux"},
		"a program in parts":    {func(o *image.Options) { copyFile(filepath.Join(o.Sources.Dir, "meshd"), "/bin/sh") }, "CGO_ENABLED=0"},
		"an unknown compressor": {func(o *image.Options) { o.Compression = "lzma" }, "gzip"},
	} {
		o := options(t)
		test.change(&o)
		if _, err := image.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func copyFile(to, from string) {
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o700)
	}
	if err != nil {
		panic(fmt.Sprint(err))
	}
}

// TestLibrariesOfThisMachine takes a program that every machine has for Envoy.
func TestLibrariesOfThisMachine(t *testing.T) {
	if !dynamic("/bin/sh") {
		t.Skip("the shell of this machine is static")
	}
	o := options(t)
	o.Sources.Root, o.Names = "/", []string{"mesh-proxy"}
	copyFile(filepath.Join(o.Sources.Dir, "envoy"), "/bin/sh")
	held := strings.Join(paths(t, build(t, o)[0]), " ")
	if !strings.Contains(held, "libc.so.6") || !strings.Contains(held, "ld-linux-x86-64.so.2") {
		t.Errorf("holds %s", held)
	}
	o.Sources.Root = t.TempDir()
	if _, err := image.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "ld-linux") {
		t.Errorf("without a libc: %v", err)
	}
}

func dynamic(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	libs, err := f.ImportedLibraries()
	return err == nil && f.Machine == elf.EM_X86_64 && slices.Contains(libs, "libc.so.6")
}

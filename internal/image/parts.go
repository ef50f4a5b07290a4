package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/meshctl/meshctl/internal/bundle"
)

// Sources say where the parts of images are taken from when meshctl does not hold them itself.
type Sources struct {
	// Dir holds meshd, mesh-agent and bookinfo; as a rule the folder of meshctl. Those of another platform than this machine's are in
	// a folder of it, such as linux-arm64.
	Dir string
	// Host is this machine's platform, e.g. "linux/amd64".
	Host string
	// Envoy returns the path of an Envoy of this machine.
	Envoy func(context.Context) (string, error)
	// Root is the directory that libc and certificates are looked for in; empty stands for "/".
	Root string
	// Own reports that what Dir holds goes before what meshctl holds.
	Own bool
}

// authorities are where the distributions keep the certificates of public authorities.
var authorities = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}

// Files returns the files of a part for a platform: from the bundle of this build, else from this machine.
func (s Sources) Files(ctx context.Context, part bundle.Part, platform string) ([]bundle.File, error) {
	held, err := bundle.Open(platform)
	if err != nil && !errors.Is(err, bundle.ErrAbsent) {
		return nil, err
	}
	if err == nil && !s.Own {
		if files := held.Files(part); len(files) > 0 || part == bundle.Certificates {
			return files, nil
		}
	}
	_, arch, _ := strings.Cut(platform, "/")
	switch part {
	case bundle.Envoy:
		return s.envoy(ctx, platform, arch)
	case bundle.Libc:
		at, err := s.envoyPath(ctx, platform)
		if err != nil {
			return nil, err
		}
		return libraries(s.root(), at, arch)
	case bundle.Certificates:
		return s.certificates()
	default:
		return s.program(part, platform, arch)
	}
}

func (s Sources) root() string {
	if s.Root == "" {
		return "/"
	}
	return s.Root
}

func (s Sources) dir(platform string) string {
	if platform == s.Host {
		return s.Dir
	}
	return filepath.Join(s.Dir, strings.ReplaceAll(platform, "/", "-"))
}

// program is a static program of this module.
func (s Sources) program(part bundle.Part, platform, arch string) ([]bundle.File, error) {
	at := filepath.Join(s.dir(platform), string(part))
	f, err := onDisk(at, "usr/local/bin/"+string(part), 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s for %s is not in this build of meshctl, nor at %s: build it with `make build`, or name its folder with --binaries", part, platform, at)
	}
	if err != nil {
		return nil, err
	}
	o, err := readObject(at)
	switch {
	case err != nil:
		return nil, err
	case o.machine != machines[arch]:
		return nil, fmt.Errorf("%s is not for %s", at, platform)
	case o.loader != "":
		return nil, fmt.Errorf("%s needs shared libraries, which its image does not hold: build it with CGO_ENABLED=0", at)
	}
	return []bundle.File{f}, nil
}

func (s Sources) envoy(ctx context.Context, platform, arch string) ([]bundle.File, error) {
	at, err := s.envoyPath(ctx, platform)
	if err != nil {
		return nil, err
	}
	o, err := readObject(at)
	if err != nil {
		return nil, err
	}
	if o.machine != machines[arch] {
		return nil, fmt.Errorf("%s is not for %s", at, platform)
	}
	f, err := onDisk(at, "usr/local/bin/envoy", 0o755)
	if err != nil {
		return nil, err
	}
	return []bundle.File{f}, nil
}

// envoyPath prefers an Envoy beside the other programs.
func (s Sources) envoyPath(ctx context.Context, platform string) (string, error) {
	at := filepath.Join(s.dir(platform), "envoy")
	if _, err := os.Stat(at); err == nil {
		return at, nil
	}
	if platform != s.Host || s.Envoy == nil {
		return "", fmt.Errorf("an Envoy for %s is not in this build of meshctl, nor at %s", platform, at)
	}
	return s.Envoy(ctx)
}

func (s Sources) certificates() ([]bundle.File, error) {
	for _, name := range authorities {
		f, err := onDisk(filepath.Join(s.root(), name), "etc/ssl/certs/ca-certificates.crt", 0o644)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return []bundle.File{f}, nil
	}
	return nil, nil
}

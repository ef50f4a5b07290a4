// Package version says which build this is.
package version

// version is set by the linker: -X github.com/meshctl/meshctl/internal/version.version=v1.2.3.
var version = "dev"

// Envoy is the version of the data plane that this build is made and tested for.
const Envoy = "1.40.0"

// String returns the version of this build, "dev" for a plain go build.
func String() string { return version }

// Package samples holds configuration to try: the base layer of the demo mesh, and the routing samples of Bookinfo.
package samples

import (
	"embed"
	"io/fs"
)

//go:embed demo/*.yaml bookinfo/*.yaml
var files embed.FS

// Demo returns the YAML files of the demo mesh's base layer: namespaces, the services of Bookinfo, the ingress gateway
// with its routes, and the versions as subsets.
func Demo() fs.FS { return folder("demo") }

// Bookinfo returns the YAML files of the samples, which work on top of Demo.
func Bookinfo() fs.FS { return folder("bookinfo") }

func folder(name string) fs.FS {
	sub, err := fs.Sub(files, name)
	if err != nil {
		panic("samples: " + err.Error()) // the name is invalid, which the tests of this package would show
	}
	return sub
}

//go:build bundle

package bundle

import (
	"embed"
	"io/fs"
)

//go:embed data
var files embed.FS

func embedded() fs.FS {
	sub, err := fs.Sub(files, "data")
	if err != nil {
		panic("bundle: " + err.Error()) // the name is valid
	}
	return sub
}

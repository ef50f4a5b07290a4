//go:build !bundle

package bundle

import (
	"embed"
	"io/fs"
)

func embedded() fs.FS { return embed.FS{} }

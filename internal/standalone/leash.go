package standalone

import (
	"os"
	"slices"
	"strconv"
)

// stdio is how many descriptors each process has before its other files.
const stdio = 3

// leash ties a child process to our life.
type leash struct {
	files []*os.File // what the child inherits after its other files
	held  *os.File   // the other end of what it watches
}

// args tell the child that it watches descriptor first.
func (l leash) args(first int) []string {
	if l.held == nil {
		return nil
	}
	return []string{"--parent-fd", strconv.Itoa(first)}
}

func (l leash) release() {
	for _, f := range append(slices.Clone(l.files), l.held) {
		if f != nil {
			_ = f.Close()
		}
	}
}

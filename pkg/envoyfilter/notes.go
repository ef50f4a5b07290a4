package envoyfilter

import (
	"fmt"

	"github.com/meshctl/meshctl/pkg/config"
)

// notes collects what is wrong with one patch.
type notes struct {
	patch  *Patch
	list   []config.Problem
	failed bool
}

func (n *notes) fail(part, message, fix string) {
	n.failed = true
	n.list = append(n.list, n.patch.problem(config.Error, part, message, fix))
}

func (n *notes) warn(part, message, fix string) {
	n.list = append(n.list, n.patch.problem(config.Warning, part, message, fix))
}

// failAt and warnAt take the place as a full path.
func (n *notes) failAt(path, message, fix string) {
	n.failed = true
	n.list = append(n.list, n.patch.problemAt(config.Error, path, message, fix))
}

func (n *notes) warnAt(path, message, fix string) {
	n.list = append(n.list, n.patch.problemAt(config.Warning, path, message, fix))
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

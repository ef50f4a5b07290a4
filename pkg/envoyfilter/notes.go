package envoyfilter

import (
	"fmt"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
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

// refuse is fail for what Istio's own validation refuses.
func (n *notes) refuse(part, message, fix string) {
	n.fail(part, message, fix)
	n.list[len(n.list)-1].Code = codes.SchemaError
}

// warn notes something within the object that has no effect, or another one than it seems.
func (n *notes) warn(part, message, fix string) {
	p := n.patch.problem(config.Warning, part, message, fix)
	p.Code = codes.SchemaWarning
	n.list = append(n.list, p)
}

// failAt and warnAt take the place as a full path.
func (n *notes) failAt(path, message, fix string) {
	n.failed = true
	n.list = append(n.list, n.patch.problemAt(config.Error, path, message, fix))
}

func (n *notes) warnAt(path, message, fix string) {
	p := n.patch.problemAt(config.Warning, path, message, fix)
	p.Code = codes.SchemaWarning
	n.list = append(n.list, p)
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

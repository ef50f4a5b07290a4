// Package install brings what is rendered into a cluster, keeps account of it, waits for it, and takes it out again. Everything is applied
// server-side under one field manager; one inventory for each revision, and one for what revisions share, says what is ours.
package install

import (
	"time"

	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
	"github.com/meshctl/meshctl/pkg/install/render"
	"github.com/meshctl/meshctl/pkg/install/wait"
)

// Progress is told how far an operation has come. Calls do not overlap.
type Progress interface {
	// Step says in one line what has been done, or what is noteworthy.
	Step(line string)
	// Tree shows what is waited for; nil ends that.
	Tree(nodes []wait.Node)
}

// Installer changes one cluster. Its operations must not run at the same time.
type Installer struct {
	Client *client.Client
	// Namespace is the system namespace.
	Namespace string
	// Progress may be nil.
	Progress Progress
}

// Request is what to install.
type Request struct {
	// Revision is the name of the revision; "" and "default" mean the same.
	Revision   string
	Components []render.Component
	// Wait until everything is ready, at most for Timeout (default 5 min). Without it only that is waited for which must come before the
	// rest: definitions before their objects, the control plane before the gateways that it configures.
	Wait    bool
	Timeout time.Duration
	// Atomic restores what was there when the installation fails.
	Atomic bool
	// Adopt takes objects over that belong to others. Force takes single fields over that others have set in our objects.
	Adopt, Force bool
}

func (r Request) timeout() time.Duration {
	if r.Timeout <= 0 {
		return 5 * time.Minute
	}
	return r.Timeout
}

// Result says what an installation did.
type Result struct {
	Created, Changed, Unchanged, Pruned int
	// Found are the objects that were there before and belong to others.
	Found []Found
}

// Found is an object that was there before, which is used as it is.
type Found struct {
	ID    inventory.ID
	Owner string // for people, as in "Helm release istio-base in istio-system"
}

func (i *Installer) step(line string) {
	if i.Progress != nil {
		i.Progress.Step(line)
	}
}

func (i *Installer) waiter() wait.Waiter {
	w := wait.Waiter{Client: i.Client}
	if i.Progress != nil {
		w.Report = i.Progress.Tree
	}
	return w
}

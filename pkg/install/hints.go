package install

import (
	"strings"

	"github.com/meshctl/meshctl/pkg/install/client"
)

func each[T any](items []T, do func(int, T)) { client.Each(items, do) }

// noDryRun reports whether a webhook cannot tell a dry run from the real thing, so that the server does not try.
func noDryRun(err error) bool {
	return strings.Contains(err.Error(), "does not support dry run")
}

// hints say what to do about what servers say. The first that fits is taken.
var hints = []struct{ words, hint string }{
	{"failed calling webhook", "that webhook does not answer: see its Service's endpoints, or delete its configuration if its owner is gone"},
	{"denied the request", "ask the owner of that webhook or policy to allow it"},
	{"exceeded quota", "raise the ResourceQuota of the namespace"},
	{"attempting to grant RBAC permissions not currently held", "install as a cluster administrator, or as a user who may `escalate` roles"},
	{"field is immutable", "delete that object, or uninstall the revision, and install again"},
	{"being terminated", "the namespace is being deleted: wait until it is gone"},
	{" is forbidden: User ", "install as a user who may do that, such as a cluster administrator"},
}

func hintFor(message string) string {
	for _, h := range hints {
		if strings.Contains(message, h.words) {
			return h.hint
		}
	}
	return ""
}

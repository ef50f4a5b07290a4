package status

import (
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
)

func TestFieldsWithinAPath(t *testing.T) {
	for field, want := range map[string]bool{"spec.listeners[1]": true, "spec.listeners[1].tls": true, "spec.listeners[10]": false, "spec.listeners": false} {
		if got := len(errorsOf([]config.Problem{{Field: field, Severity: config.Error}}, "spec.listeners[1]")) == 1; got != want {
			t.Errorf("%s: %v", field, got)
		}
	}
}

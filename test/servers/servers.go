// Package servers runs servers of others for tests: a real Zipkin, a real Prometheus. A test that needs one that cannot be had on this machine
// is skipped and says why; where the environment variable CI is set it fails, so that there nothing goes untested.
package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/meshctl/meshctl/test/cluster/process"
)

// patience is how long a server may take to listen.
const patience = time.Minute

// missing ends a test for want of a server.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	reason := fmt.Sprintf(format, args...)
	if os.Getenv("CI") != "" { //nolint:forbidigo // as other programs that CI runs do
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// start runs a command until the test ends and waits until its output says where it listens: the address is what the pattern captures.
func start(t testing.TB, cmd *exec.Cmd, listens *regexp.Regexp) (address string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	cmd.SysProcAttr = process.Tied()
	p, err := process.Start(cmd, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s:\n%s", cmd.Path, p.Tail())
		}
	})
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if found := listens.FindSubmatch(text); found != nil {
			return string(found[1])
		}
		select {
		case <-tick.C:
		case <-p.Ended:
			t.Fatalf("%s ended:\n%s", cmd.Path, p.Tail())
		case <-deadline.C:
			t.Fatalf("%s does not listen after %s:\n%s", cmd.Path, patience, p.Tail())
		}
	}
}

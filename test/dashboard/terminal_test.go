// Package dashboard_test runs the dashboard in a real terminal.
package dashboard_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/dashboard/session"
	"github.com/meshctl/meshctl/pkg/topology/topologytest"
)

// terminal is a tmux server of its own with one window.
type terminal struct {
	t      *testing.T
	socket string
}

func open(t *testing.T, width, height int, command string) terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed: the dashboard is not tried in a real terminal")
	}
	term := terminal{t, filepath.Join(t.TempDir(), "tmux")}
	term.tmux("new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "env", "LC_ALL=C.UTF-8", "sh")
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() })
	term.tmux("send-keys", command, "Enter")
	return term
}

func (term terminal) tmux(args ...string) string {
	term.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", term.socket, "-f", os.DevNull}, args...)...).CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %s: %v: %s", args[0], err, out)
	}
	return string(out)
}

func (term terminal) keys(keys ...string) {
	term.t.Helper()
	for _, k := range keys {
		term.tmux("send-keys", k)
	}
}

// shows waits until all of the texts are on the screen.
func (term terminal) shows(want ...string) {
	term.t.Helper()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	end := time.After(20 * time.Second)
	for {
		screen := term.tmux("capture-pane", "-p")
		missing := ""
		for _, w := range want {
			if !strings.Contains(screen, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			term.t.Fatalf("no %q on the screen:\n%s", missing, screen)
		}
	}
}

// built is a meshctl of this source, for all tests; dir is removed by TestMain.
type built struct {
	once sync.Once
	dir  string
	err  error
}

var program built

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(program.dir)
	os.Exit(code)
}

// build returns the path of a meshctl of this source.
func build(t *testing.T) string {
	t.Helper()
	program.once.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "meshctl-dashboard-"); program.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program.dir, "../../cmd/meshctl").CombinedOutput()
		if program.err = err; err != nil {
			program.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return filepath.Join(program.dir, "meshctl")
}

// record writes a session of the sample application.
func record(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "session.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := session.NewWriter(f, "recorded")
	g := topologytest.Sorted(topologytest.Bookinfo())
	for range 3 {
		if err := w.Write(g); err != nil {
			t.Fatal(err)
		}
		g.Time = g.Time.Add(10 * time.Millisecond)
	}
	return path
}

// TestByKeys walks through a recorded session in a real terminal, which is as it was before in the end, also when the dashboard is told to stop.
func TestByKeys(t *testing.T) {
	command := build(t) + " dashboard --replay " + record(t)
	for _, size := range [][2]int{{80, 24}, {160, 50}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			term := open(t, size[0], size[1], command+"; echo ended with $?; stty -a | grep -c ' icanon'")
			term.shows("recorded", "productpage", "topology")
			term.keys(":", "workloads", "Enter")
			term.shows("NAME", "MESHED", "productpage-v1")
			term.keys("/", "name ~ reviews", "Enter")
			term.shows("reviews-v1", "/name ~ reviews")
			term.keys("Enter")
			term.shows("workloads › node reviews-v1", "requests")
			term.keys("?")
			term.shows("Keys", "this help")
			term.keys("q", "q", "q")
			term.shows("ended with 0", "\n1\n")
		})
	}
	for _, sig := range []string{"TERM", "HUP"} {
		t.Run("told to stop by SIG"+sig, func(t *testing.T) {
			pid := filepath.Join(t.TempDir(), "pid")
			term := open(t, 80, 24, "sh -c 'echo $$ > "+pid+"; exec "+command+"'; echo ended with $?; stty -a | grep -c ' icanon'")
			term.shows("recorded", "productpage")
			if modes := term.modes(); modes != "alternate 1 mouse 1" {
				t.Errorf("while it runs: %s", modes)
			}
			number, err := os.ReadFile(pid)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("kill", "-"+sig, strings.TrimSpace(string(number))).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			term.shows("ended with", "\n1\n")
			if modes := term.modes(); modes != "alternate 0 mouse 0" {
				t.Errorf("afterwards: %s", modes)
			}
		})
	}
}

// modes are those of a terminal that a program must take back.
func (term terminal) modes() string {
	term.t.Helper()
	return strings.TrimSpace(term.tmux("display-message", "-p", "alternate #{alternate_on} mouse #{mouse_any_flag}"))
}

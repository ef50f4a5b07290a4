package dashboard_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/samples"
)

// demo is a running `meshctl demo` of a home of its own.
type demo struct {
	t                     *testing.T
	meshctl, home, config string
	pid                   int
}

func startDemo(t *testing.T) demo {
	t.Helper()
	d := demo{t: t, meshctl: build(t), home: t.TempDir(), config: t.TempDir()}
	envoy := envoytest.Binary(t)
	cmd := exec.Command(d.meshctl, "demo", "--mesh", "shown", "--port", "0", "--dir", d.config, "--rps", "20", "--envoy", envoy)
	cmd.Env = append(os.Environ(), "HOME="+d.home, "XDG_STATE_HOME="+filepath.Join(d.home, "state"))
	log := &watched{want: "Try, in another terminal", seen: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the demo: %v\n%s", err, log.text())
		}
	})
	select {
	case <-log.seen:
	case <-time.After(2 * time.Minute):
		t.Fatalf("the demo does not start:\n%s", log.text())
	}
	return d
}

// watched is a log that tells when a text is in it.
type watched struct {
	want string
	seen chan struct{}
	once sync.Once
	mu   sync.Mutex
	all  bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(p)
	if strings.Contains(w.all.String(), w.want) {
		w.once.Do(func() { close(w.seen) })
	}
	return len(p), nil
}

func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

func (d demo) command(args string) string {
	return "HOME=" + d.home + " XDG_STATE_HOME=" + filepath.Join(d.home, "state") + " " + d.meshctl + " --mesh shown dashboard -w 10s " + args
}

// write makes a file of the mesh's configuration.
func (d demo) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.config, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d demo) remove(name string) {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.config, name)); err != nil {
		d.t.Fatal(err)
	}
}

// until waits until the screen, with its colours, meets a condition, and logs how long that took.
func (term terminal) until(what string, ok func(screen string) bool) {
	term.t.Helper()
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.After(time.Minute)
	for {
		screen := term.tmux("capture-pane", "-e", "-p")
		if ok(screen) {
			term.t.Logf("%s after %s", what, time.Since(began).Round(100*time.Millisecond))
			return
		}
		select {
		case <-tick.C:
		case <-end:
			term.t.Fatalf("not %s:\n%s", what, term.tmux("capture-pane", "-p"))
		}
	}
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// red reports whether a sign is on the screen in red.
func red(screen, sign string) bool {
	colour := false
	for screen != "" {
		if at := escape.FindStringIndex(screen); at != nil && at[0] == 0 {
			for _, code := range strings.Split(strings.Trim(screen[2:at[1]], "m"), ";") {
				n, _ := strconv.Atoi(code)
				if n == 0 || n >= 30 && n <= 39 || n >= 90 && n <= 97 {
					colour = n == 31
				}
			}
			screen = screen[at[1]:]
			continue
		}
		if colour && strings.HasPrefix(screen, sign) {
			return true
		}
		screen = screen[1:]
	}
	return false
}

const misrouted = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: default}
spec:
  hosts: [ratings]
  http:
  - route: [{destination: {host: ratings, subset: v9}}]
`

const faulty = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: details, namespace: default}
spec:
  hosts: [details]
  http:
  - fault: {abort: {percentage: {value: 60}, httpStatus: 503}}
    route: [{destination: {host: details}}]
`

// TestPromises opens the dashboard beside the demo, as a newcomer does: the graph has live rates, a change of weights is seen in what is observed, an
// injected fault is red, and a workload that is killed is told of. How long each takes is logged, and depends on the machine.
func TestPromises(t *testing.T) {
	d := startDemo(t)
	term := open(t, 200, 60, d.command(""))
	plain := func(screen string) string { return escape.ReplaceAllString(screen, "") }
	term.until("a graph with live rates", func(screen string) bool {
		text := plain(screen)
		return strings.Contains(text, "live") && strings.Contains(text, "productpage v1") && strings.Contains(text, "reviews v3") && regexp.MustCompile(`[1-9][0-9.]*/s`).MatchString(text)
	})

	canary, err := samples.Bookinfo().Open("virtual-service-reviews-90-10.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(canary); err != nil {
		t.Fatal(err)
	}
	split := regexp.MustCompile(`90→([0-9]+)%`)
	d.write("reviews.yaml", text.String())
	term.until("a split that is observed", func(screen string) bool {
		found := split.FindStringSubmatch(plain(screen))
		if found == nil {
			return false
		}
		share, _ := strconv.Atoi(found[1])
		return share >= 70 // a third before
	})

	term.keys(":", "findings", "Enter")
	d.write("ratings.yaml", misrouted)
	found := regexp.MustCompile(`error +IST0101 +ratings-v1\S* .*ratings.yaml:7:\d+`)
	term.until("a finding on its workload", func(screen string) bool { return found.MatchString(plain(screen)) })
	d.remove("ratings.yaml")
	term.until("the finding gone", func(screen string) bool { return !strings.Contains(plain(screen), "IST0101") })
	term.keys(":", "topology", "Enter")
	term.until("nothing red, once what was misrouted has left the window", func(screen string) bool {
		return strings.Contains(plain(screen), "productpage v1") && !red(screen, "▶")
	})
	d.write("details.yaml", faulty)
	term.until("an edge that is red", func(screen string) bool { return red(screen, "▶") && strings.Contains(plain(screen), "☇") })

	term.keys(":", "events", "Enter")
	d.kill("agent proxy sidecar .*--name=reviews-v1 ")
	term.until("a workload that was killed", func(screen string) bool {
		return regexp.MustCompile(`reviews-v1\S* +(does not answer|is gone|has 0 instances|a proxy of it has started again)`).MatchString(plain(screen))
	})
	term.keys("q")
}

// kill ends a child of the demo.
func (d demo) kill(pattern string) {
	d.t.Helper()
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(d.pid), "-f", pattern).Output()
	child := strings.TrimSpace(string(out))
	if err != nil || strings.Contains(child, "\n") {
		d.t.Fatalf("which child of the demo is %s: %v %q", pattern, err, child)
	}
	if out, err := exec.Command("kill", "-KILL", child).CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %s", err, out)
	}
}

// TestPlanOfARunningMesh shows what a change would do before it is applied, and that this is what it does.
func TestPlanOfARunningMesh(t *testing.T) {
	d := startDemo(t)
	change := filepath.Join(t.TempDir(), "change.yaml")
	text := `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews, subset: v3}, weight: 75}
    - {destination: {host: ratings}, weight: 25}
`
	if err := os.WriteFile(change, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	term := open(t, 200, 60, d.command("--plan -f "+change))
	term.shows("plan +1 -2 ↔1", "33→75%", "+25%", "−33%")
	term.keys("o")
	term.until("today's graph", func(screen string) bool {
		return !strings.Contains(screen, "+25%") && strings.Contains(screen, "plan +1")
	})
	term.keys("o", ":", "plan", "Enter")
	term.shows("reweighted", "removed", "ratings-v1.default", "VirtualService default/reviews")

	// Applied, the change does what the plan said: nothing is left to do.
	d.write("change.yaml", text)
	term.shows("plan +0 -0 ↔0", "the change does nothing")
	term.keys("q", "q")
	again := open(t, 200, 60, d.command("--plan -f "+change))
	again.shows("plan +0 -0 ↔0", "ratings v1")
	again.keys(":", "edges", "Enter")
	again.until("the planned edge with traffic", func(screen string) bool {
		return regexp.MustCompile(`productpage-\S* +ratings-`).MatchString(escape.ReplaceAllString(screen, ""))
	})
	again.keys("q")
}

// Package fortio runs the load generator of that name (https://fortio.org) in tests.
package fortio

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/meshctl/meshctl/test/cluster"
)

// Load is requests at a steady rate, from this machine.
type Load struct {
	t      testing.TB
	cmd    *exec.Cmd
	report string
}

// Answers is what they came to.
type Answers struct {
	// Codes counts HTTP status codes; -1 stands for requests without an answer.
	Codes map[int]int `json:"RetCodes"`
	// QPS is how many requests a second there were.
	QPS float64 `json:"ActualQPS"`
	// Durations are in seconds.
	Durations struct {
		Count       int
		Max         float64
		Percentiles []struct{ Percentile, Value float64 }
	} `json:"DurationHistogram"`
}

// Failed counts requests that were not answered with 200.
func (a Answers) Failed() int {
	n := 0
	for code, count := range a.Codes {
		if code != 200 {
			n += count
		}
	}
	return n
}

// Percentile is a duration in seconds, of those that fortio reports: 50, 75, 90, 99, 99.9; 0 for others.
func (a Answers) Percentile(p float64) float64 {
	for _, d := range a.Durations.Percentiles {
		if d.Percentile == p {
			return d.Value
		}
	}
	return 0
}

// Start sends requests to a URL, as many a second as rate says, until Stop. More arguments are fortio's, such as "-H", "Host: a.example".
func Start(t testing.TB, url string, rate int, args ...string) *Load {
	t.Helper()
	parts, err := cluster.Build(t.Context(), io.Discard, cluster.Fortio)
	if err != nil {
		t.Fatal(err)
	}
	l := &Load{t: t, report: filepath.Join(t.TempDir(), "load.json")}
	args = append([]string{"load", "-quiet", "-qps", fmt.Sprint(rate), "-c", "8", "-t", "0", "-timeout", "5s", "-allow-initial-errors", "-json", l.report}, args...)
	l.cmd = exec.Command(filepath.Join(parts[cluster.Fortio], "fortio"), append(args, url)...)
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.cmd.Process.Kill() }) // nothing after Stop
	return l
}

// Stop ends the requests and says what they came to.
func (l *Load) Stop() Answers {
	l.t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGINT); err != nil {
		l.t.Fatal(err)
	}
	return l.Wait()
}

// Wait is Stop for a load that ends by itself: "-n", "100" sends so many requests. Unlike those that Stop cuts off, all of them are counted.
func (l *Load) Wait() Answers {
	l.t.Helper()
	if err := l.cmd.Wait(); err != nil {
		l.t.Fatalf("fortio: %v", err)
	}
	data, err := os.ReadFile(l.report)
	if err != nil {
		l.t.Fatal(err)
	}
	var a Answers
	if err := json.Unmarshal(data, &a); err != nil {
		l.t.Fatal(err)
	}
	return a
}

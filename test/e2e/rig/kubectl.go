package rig

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// callTimeout is how long one call of kubectl or meshctl may take that has no deadline of its own.
const callTimeout = 3 * time.Minute

// Result is what a program came to.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Try runs a program with the cluster's kubeconfig, and with a text as its input.
func Try(ctx context.Context, input, program string, args ...string) (Result, error) {
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errOut
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	r := Result{Stdout: out.String(), Stderr: errOut.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.Code = exit.ExitCode()
		err = fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, strings.TrimSpace(r.Stdout+r.Stderr))
	}
	return r, err
}

// Kubectl runs kubectl and returns what it wrote, without the last line's end.
func Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return kubectl(t, "", args...)
}

func kubectl(t testing.TB, input string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), callTimeout)
	defer cancel()
	r, err := Try(ctx, input, "kubectl", args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

// Apply creates or changes the objects of a stream of YAML documents; those that name no namespace are in the one given.
func Apply(t testing.TB, namespace, stream string) {
	t.Helper()
	kubectl(t, stream, "apply", "--server-side", "-n", namespace, "-f", "-")
}

// WaitFor waits until an object meets a condition of `kubectl wait --for`, e.g. "condition=Available".
func WaitFor(t testing.TB, namespace, object, condition string, within time.Duration) {
	t.Helper()
	Kubectl(t, "wait", "-n", namespace, object, "--for="+condition, "--timeout="+within.String())
}

// Eventually asks again and again until there is no error, for what nothing can be watched.
func Eventually(t testing.TB, within time.Duration, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", within, err)
		}
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// Namespace makes a namespace for a test, with labels ("key=value"), and removes it with everything in it at the test's end. When the test has
// failed, what is in it is described before.
func Namespace(t testing.TB, labels ...string) string {
	t.Helper()
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	name = strings.Trim(name[:min(len(name), 40)], "-") + "-" + strings.ToLower(rand.Text()[:5])
	Kubectl(t, "create", "namespace", name)
	t.Cleanup(func() {
		if t.Failed() {
			describe(t.Output(), kubectlHere, "-n", name)
		}
		Kubectl(t, "delete", "namespace", name, "--wait=false")
	})
	if len(labels) > 0 {
		Kubectl(t, append([]string{"label", "namespace", name}, labels...)...)
	}
	Kubectl(t, "wait", "-n", name, "serviceaccount/default", "--for=create", "--timeout=30s") // pods are refused before
	return name
}

// Logs returns what a pod's container, or a workload's, has logged: `kubectl logs`.
func Logs(t testing.TB, namespace, object string, args ...string) string {
	t.Helper()
	return Kubectl(t, append([]string{"logs", "-n", namespace, object}, args...)...)
}

// Meshctl runs bin/meshctl, whatever its exit code.
func Meshctl(t testing.TB, args ...string) Result {
	t.Helper()
	path, err := binary("meshctl")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), callTimeout)
	defer cancel()
	r, err := Try(ctx, "", path, args...)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return r
}

// Start runs bin/meshctl until the test ends, when it is interrupted and must end without an error; it returns what that writes.
func Start(t testing.TB, args ...string) io.Reader {
	t.Helper()
	path, err := binary("meshctl")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("meshctl %s: %v\n%s", strings.Join(args, " "), err, errOut.String())
		}
	})
	return out
}

package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"time"
)

// describe writes what there is, why what is not ready is not, and what has been logged. Where selects namespaces: "-n NAME" or "--all-namespaces"; kubectl returns a
// command that runs it where the cluster can be reached.
func describe(w io.Writer, kubectl func(ctx context.Context, args ...string) *exec.Cmd, where ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	run := func(args ...string) []byte {
		out, _ := kubectl(ctx, args...).CombinedOutput() // says what went wrong, too
		return out
	}
	show := func(args ...string) { fmt.Fprintf(w, "--- kubectl %v\n%s", args, run(args...)) }
	show(append([]string{"get", "pods", "-o", "wide"}, where...)...)
	var pods struct {
		Items []struct {
			Metadata struct{ Name, Namespace string }
			Status   struct {
				Phase      string
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := json.Unmarshal(run(append([]string{"get", "pods", "-o", "json"}, where...)...), &pods); err != nil {
		return
	}
	for _, p := range pods.Items {
		ready := p.Status.Phase == "Succeeded"
		for _, c := range p.Status.Conditions {
			ready = ready || c.Type == "Ready" && c.Status == "True"
		}
		if !ready {
			show("describe", "pod", "-n", p.Metadata.Namespace, p.Metadata.Name)
		}
		log := []string{"logs", "-n", p.Metadata.Namespace, p.Metadata.Name, "--all-containers", "--prefix", "--tail=40"}
		fmt.Fprintf(w, "--- kubectl %v, without requests\n%s", log, accessLog.ReplaceAll(run(log...), nil))
	}
}

// accessLog is a line about a request, of which there are so many that nothing else would be seen: [pod/NAME/istio-proxy] [TIME] "GET ...
var accessLog = regexp.MustCompile(`(?m)^\[pod/\S+\] \[[^]]+\] ".*\n`)

func kubectlHere(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "kubectl", args...)
}

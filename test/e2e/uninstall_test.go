//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/test/e2e/rig"
)

// passing are kinds that come and go by themselves, or that say what runs rather than what was asked for.
var passing = []string{"events", "leases", "pods", "nodes", "componentstatuses", "replicasets", "controllerrevisions", "endpoints", "endpointslices", "podmetrics", "ipaddresses", "csinodes"}

// objects lists the cluster: every object of every kind that stays.
func objects(t *testing.T) []string {
	t.Helper()
	var kinds []string
	for _, kind := range strings.Fields(rig.Kubectl(t, "api-resources", "--verbs=list", "-o", "name")) {
		if name, _, _ := strings.Cut(kind, "."); !slices.Contains(passing, name) {
			kinds = append(kinds, kind)
		}
	}
	out := strings.Split(strings.TrimSpace(rig.Kubectl(t, "get", strings.Join(kinds, ","), "-A", "--ignore-not-found", "--no-headers",
		"-o", `custom-columns=:.apiVersion,:.kind,:.metadata.namespace,:.metadata.name`)), "\n")
	for i, line := range out {
		out[i] = strings.Join(strings.Fields(line), " ")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestNothingStays removes the mesh after all that the other tests did with it. It is the last test: go test runs them in the order of files.
func TestNothingStays(t *testing.T) {
	rig.Node(t)
	install(t)
	rig.Kubectl(t, "-n", system, "delete", "secret", "cacerts", "--ignore-not-found") // of another test: what users bring would stay
	mustRun(t, "uninstall", "--purge", "-y", "--timeout", "2m")
	rig.Eventually(t, time.Minute, func(context.Context) error { // what others make for a namespace goes with it, a moment later
		now := objects(t)
		if slices.Equal(before, now) {
			return nil
		}
		return fmt.Errorf("too much: %q\nmissing: %q", without(now, before), without(before, now))
	})
}

func without(all, these []string) (rest []string) {
	for _, s := range all {
		if !slices.Contains(these, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

package install_test

import (
	"strings"
	"testing"
)

// TestInstallAgainAndOutAgain is the life of an installation from its first day to its last.
func TestInstallAgainAndOutAgain(t *testing.T) {
	controllers{}.run(t)
	before := listing(t)
	first := meshctl(t, "install", "-y", "--profile", "demo")
	if first.code != 0 || !strings.Contains(first.errOut, "✔ revision default is installed in istio-system") {
		t.Fatalf("exit %d\n%s", first.code, first.errOut)
	}
	t.Log(first.errOut)
	installed := listing(t)
	again := meshctl(t, "install", "-y", "--profile", "demo")
	if again.code != 0 || !strings.Contains(again.errOut, "0 objects created, 0 changed") {
		t.Errorf("again: exit %d\n%s", again.code, again.errOut)
	}
	same(t, installed, listing(t))
	if plan := meshctl(t, "install", "--profile", "demo", "--plan"); plan.code != 0 || !strings.HasPrefix(plan.out, "0 to create, 0 to change, 0 to delete") {
		t.Errorf("plan: exit %d\n%s%s", plan.code, plan.out, plan.errOut)
	}
	gone := meshctl(t, "uninstall", "--purge", "-y")
	if gone.code != 0 {
		t.Errorf("uninstall: exit %d\n%s", gone.code, gone.errOut)
	}
	t.Log(gone.errOut)
	same(t, before, listing(t))
}

package standalone

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if _, held, err := holder(path); held || err != nil {
		t.Fatalf("nobody ever held it: %v, %v", held, err)
	}
	first, err := acquire(path, `mesh "a"`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = acquire(path, `mesh "a"`)
	var other *HeldError
	if !errors.As(err, &other) || other.Holder.PID != os.Getpid() || !strings.Contains(err.Error(), `mesh "a" is already running (process `) {
		t.Errorf("the second one: %v", err)
	}
	if h, held, err := holder(path); !held || err != nil || h.PID != os.Getpid() {
		t.Errorf("holder: %v, %v, %v", h, held, err)
	}
	first.release()
	if _, held, err := holder(path); held || err != nil {
		t.Errorf("after the release: %v, %v", held, err)
	}
	// What a dead one left does not count.
	second, err := acquire(path, `mesh "a"`)
	if err != nil {
		t.Fatal(err)
	}
	second.release()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the lock: %v, %v", info.Mode(), err)
	}
}

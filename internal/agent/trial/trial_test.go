package trial

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
)

func TestRun(t *testing.T) {
	envoy := envoytest.Binary(t)
	try := func(text string, within time.Duration) error {
		file := filepath.Join(t.TempDir(), "bootstrap.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Run(context.Background(), envoy, file, within)
	}
	if err := try("{}", envoytest.Timeout); err != nil {
		t.Errorf("an empty bootstrap: %v", err)
	}
	var refused *Refused
	if err := try(`{"stats_flush_interval": "0s"}`, envoytest.Timeout); !errors.As(err, &refused) || strings.Contains(err.Error(), "bootstrap.json") ||
		!strings.Contains(err.Error(), "StatsFlushInterval") {
		t.Errorf("a bad bootstrap: %v", err)
	}
	if err := try("{}", time.Nanosecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no time: %v", err)
	}
	if err := Run(context.Background(), "/does/not/exist", "x", envoytest.Timeout); err == nil || errors.As(err, &refused) {
		t.Errorf("no Envoy: %v", err)
	}
}

package standalone

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/fsnotify/fsnotify"

	"github.com/meshctl/meshctl/internal/agent"
)

// await calls look now and after each change of the file at path until it returns true or an error, or ctx ends.
func await(ctx context.Context, path string, look func() (bool, error)) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	defer func() { _ = watcher.Close() }()
	// The directory, since the file is replaced at each change.
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	for {
		if done, err := look(); done || err != nil {
			return err
		}
		if err := next(ctx, watcher, path); err != nil {
			return err
		}
	}
}

// next returns when the file may have changed.
func next(ctx context.Context, watcher *fsnotify.Watcher, path string) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-watcher.Errors:
			return fmt.Errorf("watch %s: %w", path, err)
		case event := <-watcher.Events:
			if filepath.Clean(event.Name) == filepath.Clean(path) {
				return nil
			}
		}
	}
}

// WatchListeners tells the ports of a proxy's listeners by name, now and whenever they change, until ctx ends. dir is the
// directory of the workload (Layout.Workload).
func WatchListeners(ctx context.Context, dir string, changed func(map[string]uint32)) error {
	if err := prepare(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, agent.StateFile)
	var last map[string]uint32
	return await(ctx, path, func() (bool, error) {
		if now := readState(path).Bindings; len(now) > 0 && !maps.Equal(now, last) {
			last = now
			changed(now)
		}
		return false, nil
	})
}

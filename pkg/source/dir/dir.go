// Package dir is a source that reads directory trees and single files and follows their changes: edits in place, atomic
// renames, editors' temporary files, and the symbolic links by which Kubernetes swaps a mounted ConfigMap.
package dir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/meshctl/meshctl/pkg/config"
)

// Options say what to read and how to follow it.
type Options struct {
	// Paths are directories, read recursively (*.yaml, *.yml, *.json, nothing hidden), and files of any name. All of them
	// make one layer: of two objects with one key, that in the file written last counts, the other is a Problem.
	Paths []string
	// Decoder reads the files.
	Decoder config.Decoder
	// Quiet is how long no further change must come before the changes so far are read together, and MaxDelay how long
	// they wait at most while changes keep coming. A file that is suddenly empty is looked at again after MaxDelay before
	// its objects go: it may be in the middle of being written. Defaults 5 ms and 200 ms.
	Quiet, MaxDelay time.Duration
	// After replaces time.After, for tests.
	After func(time.Duration) <-chan time.Time
}

// Source reads and watches files.
type Source struct {
	options    Options
	newWatcher func() (*fsnotify.Watcher, error)
}

// New returns a source; nothing is read before Run.
func New(o Options) *Source {
	if o.Quiet <= 0 {
		o.Quiet = 5 * time.Millisecond
	}
	if o.MaxDelay <= 0 {
		o.MaxDelay = 200 * time.Millisecond
	}
	if o.After == nil {
		o.After = time.After
	}
	o.Paths = append([]string(nil), o.Paths...)
	for i, p := range o.Paths {
		o.Paths[i] = filepath.Clean(p)
	}
	return &Source{options: o, newWatcher: fsnotify.NewWatcher}
}

// Run implements source.Source. It fails when a path does not exist at the start, or when the system cannot watch files
// at all. A path that vanishes later keeps its last good objects and is reported.
func (s *Source) Run(ctx context.Context, emit func(config.Batch)) error {
	for _, path := range s.options.Paths {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("configuration %s: %w", path, plain(err))
		}
	}
	notify, err := s.newWatcher()
	if err != nil {
		return fmt.Errorf("watching files: %w (raise fs.inotify.max_user_instances?)", err)
	}
	defer func() { _ = notify.Close() }()
	l := newLayer(s.options.Decoder)
	w := newWatch(notify, s.options.Paths)
	files := w.scanAll()
	if ctx.Err() != nil {
		return nil
	}
	l.read(files, true)
	l.setTrouble(w.problems())
	first := l.batch()
	first.Full = true
	l.told = first.Problems
	emit(first)
	return s.follow(ctx, w, l, emit)
}

// follow waits for changes, lets bursts settle, and emits what they changed.
func (s *Source) follow(ctx context.Context, w *watch, l *layer, emit func(config.Batch)) error {
	var quiet, deadline <-chan time.Time
	for {
		relevant, settled := false, false
		select {
		case <-ctx.Done():
			return nil
		case event, ok := <-w.notify.Events:
			if !ok {
				return errors.New("watching files: the watcher ended")
			}
			relevant = w.note(event)
		case err, ok := <-w.notify.Errors:
			if !ok {
				return errors.New("watching files: the watcher ended")
			}
			// The queue of events overflowed, or cannot be read: anything may have changed.
			w.everything, relevant = err != nil, err != nil
		case <-quiet:
			settled = true
		case <-deadline:
			settled = true
		}
		if relevant {
			quiet = s.options.After(s.options.Quiet)
			if deadline == nil {
				deadline = s.options.After(s.options.MaxDelay)
			}
		}
		if !settled {
			continue
		}
		quiet, deadline = nil, nil
		w.settle(l)
		if len(w.dirty) > 0 {
			quiet = s.options.After(s.options.MaxDelay)
		}
		if b := l.batch(); l.worthTelling(b) && ctx.Err() == nil {
			emit(b)
		}
	}
}

// plain drops the operation and the path of a file error: the message names the path already.
func plain(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Package supervise keeps one process running: it starts it again with growing pauses when it dies, and makes sure that it
// does not outlive us.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Options of a process.
type Options struct {
	Path string
	// Args returns the arguments of the next start.
	Args func() []string
	// Env is the environment; nil means our own.
	Env []string
	// MoreEnv is asked before every start for variables besides those; may be nil.
	MoreEnv func() []string
	// Stdout and Stderr may be nil.
	Stdout, Stderr io.Writer
	// ExtraFiles become the process' descriptors from 3 on, in each life.
	ExtraFiles []*os.File
	// Started and Exited are told of each life of the process; both may be nil. err says how it ended, nil for status 0.
	Started func(pid int)
	Exited  func(err error)
	// First and Most bound the pause before a restart: 200 ms and 30 s when zero. A process that lived for Healthy (10 s
	// when zero) starts over with First.
	First, Most, Healthy time.Duration
	// StopTimeout is how long it has between SIGTERM and SIGKILL; 5 s when zero.
	StopTimeout time.Duration
	// Log may be nil.
	Log *slog.Logger
}

func (o Options) defaults() Options {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.First, 200*time.Millisecond)
	set(&o.Most, 30*time.Second)
	set(&o.Healthy, 10*time.Second)
	set(&o.StopTimeout, 5*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Started == nil {
		o.Started = func(int) {}
	}
	if o.Exited == nil {
		o.Exited = func(error) {}
	}
	return o
}

// Run runs the process until ctx ends, then stops it with SIGTERM and, when that does not help, SIGKILL. It returns an
// error only when the program cannot be started at all.
func Run(ctx context.Context, o Options) error {
	o = o.defaults()
	pause := o.First
	for {
		began := time.Now()
		err := once(ctx, o)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("start %s: %w", o.Path, err)
		}
		if time.Since(began) >= o.Healthy {
			pause = o.First
		}
		o.Log.Error("process ended, starting it again", "path", o.Path, "in", pause, "reason", reason(err))
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		pause = min(2*pause, o.Most)
	}
}

func reason(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// once is one life of the process.
func once(ctx context.Context, o Options) error {
	// The kernel ties a child to the thread that made it: that thread must live as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(o.Path, o.Args()...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = o.Env, o.Stdout, o.Stderr, o.ExtraFiles
	if o.MoreEnv != nil {
		cmd.Env = append(cmd.Environ(), o.MoreEnv()...)
	}
	cmd.SysProcAttr = DieWithParent()
	// A grandchild that holds our pipe must not keep us.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	o.Started(cmd.Process.Pid)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = stop(cmd.Process, done, o)
	}
	o.Exited(err)
	return err
}

func stop(process *os.Process, done <-chan error, o Options) error {
	_ = process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(o.StopTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		o.Log.Warn("process ignores SIGTERM, killing it", "path", o.Path, "after", o.StopTimeout)
		_ = process.Kill()
		return <-done
	}
}

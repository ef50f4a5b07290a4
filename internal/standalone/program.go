package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/meshctl/meshctl/internal/agent/supervise"
)

// Program is what a workload runs.
type Program struct {
	// Args is the command line; the first is looked for in PATH.
	Args []string
	// Env is the environment, to which that of the mesh is added.
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Files become its descriptors from 3 on.
	Files []*os.File
	// Signals are forwarded to it. When nil, it gets SIGTERM when the workload is to end, and SIGKILL some seconds later.
	Signals <-chan os.Signal
	// Exited is told when it has ended, before the workload is drained; may be nil.
	Exited func()
	// Restart starts it again with growing pauses when it ends, until the workload is to end.
	Restart bool
	// Tied says that the program knows the flag --parent-fd: it ends with us also where the kernel does not see to that.
	Tied bool
}

// codes of a program that cannot be started, as shells have them.
const (
	cannotRun = 126
	notFound  = 127
	signalled = 128
)

// run runs the program to its end and returns its exit code; 128 and the signal's number when one ended it. The error says
// that it could not be started.
func (p Program) run(ctx context.Context, env []string, log *slog.Logger) (int, error) {
	path, err := exec.LookPath(p.Args[0])
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return cannotRun, fmt.Errorf("start the program: %w", err)
		}
		return notFound, fmt.Errorf("start the program: %w", err)
	}
	env = append(append([]string{}, p.Env...), env...)
	if p.Restart {
		return 0, p.supervise(ctx, path, env, log)
	}
	return p.once(ctx, path, env)
}

func (p Program) supervise(ctx context.Context, path string, env []string, log *slog.Logger) error {
	args, files := slices.Clone(p.Args[1:]), slices.Clone(p.Files)
	if p.Tied {
		tied, err := tie()
		if err != nil {
			return err
		}
		defer tied.release()
		args, files = append(args, tied.args(stdio+len(files))...), append(files, tied.files...)
	}
	return supervise.Run(ctx, supervise.Options{
		Path: path, Args: func() []string { return args }, Env: env, Stdout: p.Stdout, Stderr: p.Stderr, ExtraFiles: files, Log: log,
	})
}

func (p Program) once(ctx context.Context, path string, env []string) (int, error) {
	// The kernel ties a child to the thread that made it: that thread must live as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(path, p.Args[1:]...)
	cmd.Args[0] = p.Args[0]
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = env, p.Stdin, p.Stdout, p.Stderr, p.Files
	cmd.SysProcAttr = sameGroup()
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return cannotRun, fmt.Errorf("start the program: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return p.wait(ctx, cmd, done)
}

func (p Program) wait(ctx context.Context, cmd *exec.Cmd, done <-chan error) (int, error) {
	end, kill := ctx.Done(), (<-chan time.Time)(nil)
	if p.Signals != nil {
		end = nil
	}
	for {
		select {
		case err := <-done:
			return exitCode(cmd, err)
		case s := <-p.Signals:
			_ = cmd.Process.Signal(s)
		case <-end:
			end = nil
			_ = cmd.Process.Signal(syscall.SIGTERM)
			timer := time.NewTimer(5 * time.Second)
			defer timer.Stop()
			kill = timer.C
		case <-kill:
			_ = cmd.Process.Kill()
		}
	}
}

func exitCode(cmd *exec.Cmd, err error) (int, error) {
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return signalled + int(status.Signal()), nil
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 || err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return code, nil
	}
	return cannotRun, err
}

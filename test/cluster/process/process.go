// Package process runs programs that write to logs.
package process

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopTimeout is how long a process may take to end in good order. Nothing is kept, so that there is no need for more.
const stopTimeout = 5 * time.Second

// Process is a running program.
type Process struct {
	// Ended is closed once it has ended.
	Ended chan struct{}

	cmd *exec.Cmd
	log string
}

// Start runs a command whose output is added to a log.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the process has its own copy
	cmd.Stdout, cmd.Stderr = out, out
	p := &Process{cmd: cmd, log: log, Ended: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.Ended)
		_ = cmd.Wait() // its log says why
	}()
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the process in good order if it does that soon, and waits for its end.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.Ended:
	case <-timer.C:
		p.Kill()
	}
}

// Kill ends the process at once and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.Ended
}

// Tail is the end of the log.
func (p *Process) Tail() string {
	const most = 4000
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-most):])
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is the control plane under test.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
	log  bytes.Buffer
}

// build compiles meshd into a directory and returns its path.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "meshd")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/meshctl/meshctl/cmd/meshd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build meshd: %w\n%s", err, out)
	}
	return path, nil
}

func start(path, configDir, address string) (*process, error) {
	p := &process{cmd: exec.Command(path, "--config-dir", configDir, "--plaintext-xds-address", address), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start meshd: %w", err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	return p, nil
}

// listening waits until the address takes connections.
func (p *process) listening(ctx context.Context, address string, timeout time.Duration) error {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("meshd stopped: %w\n%s", p.err, p.log.String())
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("meshd does not listen on %s after %s: %w", address, timeout, err)
		case <-tick.C:
		}
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// cpu returns the processor time that the process has used, user and system, to 10 ms (the kernel's clock tick).
func (p *process) cpu() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses; utime and stime are fields 14 and 15.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat has too few fields")
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// peak returns the largest resident set so far, in bytes.
func (p *process) peak() (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return n * 1024, err
		}
	}
	return 0, errors.New("/proc/PID/status has no VmHWM")
}

// idle waits until the process has used no processor time for a while, so that a measurement has all of its cost.
func (p *process) idle(ctx context.Context) (time.Duration, error) {
	const quiet = 10
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last, same := time.Duration(-1), 0
	for range 1000 {
		now, err := p.cpu()
		if err != nil {
			return 0, fmt.Errorf("meshd is gone: %w\n%s", err, p.log.String())
		}
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
		if same == quiet {
			return now, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return last, nil // it is never idle: what it does in the background is part of the cost
}

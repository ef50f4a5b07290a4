package standalone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/meshctl/meshctl/internal/agent/supervise"
)

// addresses is what meshd writes to its ready file.
type addresses struct {
	XDS   string `json:"xdsAddress"`
	Admin string `json:"adminAddress"`
}

// anyPort lets the kernel choose.
const anyPort = "127.0.0.1:0"

// controlPlane is meshd as a child process. It listens at the same addresses in each of its lives, so that Envoys and agents
// find the next one; also, when they are free, those of the mesh that was here before.
type controlPlane struct {
	o      Options
	layout Layout
	out    *output

	mu   sync.Mutex
	at   addresses
	once bool // it has been ready
	died chan error
}

func newControlPlane(o Options, layout Layout) *controlPlane {
	c := &controlPlane{o: o, layout: layout, out: openOutput(layout.Log("meshd")), died: make(chan error, 1)}
	c.at = readAddresses(layout.controlPlane())
	c.at.XDS, c.at.Admin = freeOr(c.at.XDS), freeOr(c.at.Admin)
	if o.XDSAddress != "" {
		c.at.XDS = o.XDSAddress
	}
	// What is there now must not pass for the word of the process that starts.
	_ = os.Remove(layout.controlPlane())
	return c
}

func readAddresses(path string) addresses {
	var a addresses
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &a) != nil {
		return addresses{}
	}
	return a
}

// freeOr returns the address when it can be listened at, else any port. It waits a moment: the control plane of a mesh that was
// killed may still be dying.
func freeOr(address string) string {
	const every, most = 20 * time.Millisecond, 50
	if address == "" {
		return anyPort
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for range most {
		l, err := net.Listen("tcp", address)
		if err == nil {
			_ = l.Close()
			return address
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		<-ticker.C
	}
	return anyPort
}

// run supervises meshd until ctx ends, or until it fails before it was ever ready.
func (c *controlPlane) run(ctx context.Context) error {
	defer c.out.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tied, err := tie()
	if err != nil {
		return err
	}
	defer tied.release()
	err = supervise.Run(ctx, supervise.Options{
		Path: c.o.Programs.Meshd[0], Args: func() []string { return c.args(tied) }, ExtraFiles: tied.files,
		Stdout: c.out, Stderr: c.out, Log: c.o.Log,
		// Discovery and certificates stand still while it is away.
		First: 20 * time.Millisecond, Most: 5 * time.Second,
		Exited: func(err error) {
			if !c.wasReady() {
				c.fail(c.failure(err))
				cancel()
			}
		},
	})
	if err != nil {
		c.fail(err)
	}
	return err
}

// fail tells ready, if it still waits.
func (c *controlPlane) fail(err error) {
	select {
	case c.died <- err:
	default:
	}
}

func (c *controlPlane) args(tied leash) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	args := append([]string{}, c.o.Programs.Meshd[1:]...)
	args = append(args, tied.args(stdio)...)
	args = append(args, "--state-dir", c.layout.Dir, "--ready-file", c.layout.controlPlane(), "--trust-domain", c.o.TrustDomain,
		"--xds-address", c.at.XDS, "--admin-address", c.at.Admin)
	for _, dir := range c.o.ConfigDirs {
		args = append(args, "--config-dir", dir)
	}
	return args
}

func (c *controlPlane) failure(err error) error {
	switch last := strings.TrimPrefix(c.out.last(), "error: "); {
	case last != "":
		return fmt.Errorf("the control plane did not start: %s (log: %s)", last, c.layout.Log("meshd"))
	case err != nil:
		return fmt.Errorf("the control plane did not start: %w", err)
	}
	return errors.New("the control plane ended before it was ready")
}

func (c *controlPlane) wasReady() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.once
}

// ready waits until meshd can be reached.
func (c *controlPlane) ready(ctx context.Context) (addresses, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-c.died:
			cancel(err)
		case <-ctx.Done():
		}
	}()
	var found addresses
	err := await(ctx, c.layout.controlPlane(), func() (bool, error) {
		found = readAddresses(c.layout.controlPlane())
		return found.XDS != "" && found.Admin != "", nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the control plane was not ready within %s; see %s", c.o.ReadyTimeout, c.layout.Log("meshd"))
	}
	if err != nil {
		return found, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.once = found, true
	return found, nil
}

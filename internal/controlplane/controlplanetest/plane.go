// Package controlplanetest runs a whole control plane in a test: a directory of YAML, real gRPC, real certificates.
package controlplanetest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/controlplane"
	"github.com/meshctl/meshctl/pkg/source"
	"github.com/meshctl/meshctl/pkg/source/dir"
)

// Patience bounds every wait in this package.
const Patience = 30 * time.Second

// Plane is a running control plane.
type Plane struct {
	// Dir is the directory of YAML that it reads.
	Dir string
	// Secure, Plaintext and Admin are its addresses, on loopback.
	Secure, Plaintext, Admin string
	Authority                *ca.Authority
	Tokens                   *ca.Tokens
	API                      *adminapi.Client
	Log                      *Log

	t     testing.TB
	store *ca.Store
	tune  []func(*controlplane.Options)
	stop  func() error
}

// Start runs a control plane over files (by name) until the test ends; tune changes its options.
func Start(t testing.TB, files map[string]string, tune ...func(*controlplane.Options)) *Plane {
	t.Helper()
	store, err := ca.OpenStore(t.TempDir())
	check(t, err)
	p := &Plane{Dir: t.TempDir(), t: t, store: store, tune: tune, Log: &Log{}}
	p.Authority, err = ca.Open(store, ca.Options{})
	check(t, err)
	p.Tokens, err = ca.OpenTokens(store, ca.Options{})
	check(t, err)
	for name, text := range files {
		p.Write(name, text)
	}
	p.run("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	t.Cleanup(func() { p.Stop() })
	return p
}

func (p *Plane) run(secure, plaintext, admin string) {
	p.t.Helper()
	o := controlplane.Options{
		Layers:    []source.Source{dir.New(dir.Options{Paths: []string{p.Dir}})},
		Secure:    p.listen(secure),
		Plaintext: p.listen(plaintext),
		Admin:     p.listen(admin),
		Authority: p.Authority, Tokens: p.Tokens, Registrations: p.store.File("registrations.json"),
		Instance: "test", ConfigDirs: []string{p.Dir}, Log: slog.New(slog.NewTextHandler(p.Log, nil)),
	}
	for _, f := range p.tune {
		f(&o)
	}
	p.Secure, p.Plaintext, p.Admin = o.Secure.Addr().String(), o.Plaintext.Addr().String(), o.Admin.Addr().String()
	p.API = adminapi.NewClient(p.Admin)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- controlplane.Run(ctx, o) }()
	p.stop = sync.OnceValue(func() error { cancel(); return <-done })
}

func (p *Plane) listen(address string) net.Listener {
	p.t.Helper()
	l, err := net.Listen("tcp", address)
	check(p.t, err)
	return l
}

// Stop ends the control plane in good order.
func (p *Plane) Stop() {
	p.t.Helper()
	if err := p.stop(); err != nil {
		p.t.Errorf("the control plane failed: %v", err)
	}
}

// Restart runs another one in its place: the same addresses, directory and certificates.
func (p *Plane) Restart() {
	p.t.Helper()
	p.Stop()
	p.run(p.Secure, p.Plaintext, p.Admin)
}

// Write puts a file into the directory, as editors do: under another name first.
func (p *Plane) Write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.Dir, name)
	check(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(p.t, os.WriteFile(path+"~", []byte(text), 0o600))
	check(p.t, os.Rename(path+"~", path))
}

// Remove deletes a file of the directory.
func (p *Plane) Remove(name string) {
	p.t.Helper()
	check(p.t, os.Remove(filepath.Join(p.Dir, name)))
}

// Status is what the admin API says.
func (p *Plane) Status() adminapi.Status {
	p.t.Helper()
	s, err := p.API.Status(context.Background())
	check(p.t, err)
	return s
}

// Proxy returns what the admin API says about a connected proxy, "NAME.NAMESPACE".
func (p *Plane) Proxy(id string) (adminapi.Proxy, error) {
	all, err := p.API.Proxies(context.Background())
	if err != nil {
		return adminapi.Proxy{}, err
	}
	for _, proxy := range all {
		if proxy.ID == id && proxy.Connected {
			return proxy, nil
		}
	}
	return adminapi.Proxy{}, fmt.Errorf("%s is not connected", id)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Log is what a process wrote.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

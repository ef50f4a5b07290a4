package standalone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// DefaultReadyTimeout is how long the control plane and each proxy may take to become ready.
const DefaultReadyTimeout = 30 * time.Second

// Options of Start. Dir, ConfigDirs and Programs are required.
type Options struct {
	// Name of the mesh; meshstate.DefaultMesh when empty. Dir is its state directory (meshstate.Dir).
	Name, Dir string
	// Base are files of YAML that the mesh itself brings: the lowest layer, written to Layout.Base. May be nil.
	Base fs.FS
	// ConfigDirs are directories of YAML, each a layer over those before it.
	ConfigDirs []string
	// XDSAddress is where discovery listens, "host:port"; loopback at the port of last time, or any, when empty.
	XDSAddress string
	// TrustDomain of the workloads' identities; "cluster.local" when empty.
	TrustDomain string
	Programs    Programs
	// ReadyTimeout is DefaultReadyTimeout when 0.
	ReadyTimeout time.Duration
	Log          *slog.Logger // nil: silent
}

func (o Options) complete() (Options, error) {
	o.Name = cmp.Or(o.Name, meshstate.DefaultMesh)
	o.TrustDomain = cmp.Or(o.TrustDomain, ca.DefaultTrustDomain)
	o.ReadyTimeout = cmp.Or(o.ReadyTimeout, DefaultReadyTimeout)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := meshstate.ValidName(o.Name); err != nil {
		return o, err
	}
	if len(o.ConfigDirs) == 0 {
		return o, errors.New("no directory of configuration")
	}
	o.ConfigDirs = slices.Clone(o.ConfigDirs)
	for i, dir := range o.ConfigDirs {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return o, err
		}
		info, err := os.Stat(absolute)
		if err != nil {
			return o, fmt.Errorf("configuration directory %s: %w", dir, errors.Unwrap(err))
		}
		if !info.IsDir() {
			return o, fmt.Errorf("configuration directory %s is not a directory", dir)
		}
		o.ConfigDirs[i] = absolute
	}
	return o, nil
}

// Mesh is a running mesh: its control plane, supervised, and the state that other processes of this user find it by.
type Mesh struct {
	layout Layout
	stop   context.CancelFunc
	ended  chan struct{}
	err    error // set before ended closes

	mu    sync.Mutex
	state meshstate.MeshState
}

// Start starts the mesh and returns when its control plane can be reached. ctx bounds the start only; Stop ends the mesh. The
// error is a *HeldError when the mesh runs already.
func Start(ctx context.Context, o Options) (*Mesh, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	layout := Layout{o.Dir}
	if err := prepare(o.Dir); err != nil {
		return nil, err
	}
	held, err := acquire(layout.lock(), fmt.Sprintf("mesh %q", o.Name))
	if err != nil {
		return nil, err
	}
	if o, err = takeOver(layout, o); err != nil {
		held.release()
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	m := &Mesh{layout: layout, stop: stop, ended: make(chan struct{})}
	plane := newControlPlane(o, layout)
	go func() {
		defer close(m.ended)
		defer held.release()
		m.err = plane.run(running)
		m.err = errors.Join(m.err, meshstate.Remove(o.Dir))
	}()
	if err := m.ready(ctx, plane, o); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

// takeOver removes what a mesh that died left behind, and puts the base layer in place.
func takeOver(layout Layout, o Options) (Options, error) {
	if err := meshstate.Remove(o.Dir); err != nil || o.Base == nil {
		return o, err
	}
	if err := os.RemoveAll(layout.Base()); err != nil {
		return o, explainDisk(o.Dir, err)
	}
	o.ConfigDirs = append([]string{layout.Base()}, o.ConfigDirs...)
	return o, fs.WalkDir(o.Base, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(o.Base, path)
		if err == nil {
			err = meshstate.WriteFile(filepath.Join(layout.Base(), path), data)
		}
		if err != nil {
			return explainDisk(o.Dir, err)
		}
		return nil
	})
}

// ready waits for the control plane and tells other processes where it is.
func (m *Mesh) ready(ctx context.Context, plane *controlPlane, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, o.ReadyTimeout)
	defer cancel()
	at, err := plane.ready(ctx)
	if err != nil {
		return err
	}
	m.state = meshstate.MeshState{
		Mesh: o.Name, PID: os.Getpid(), StartedAt: time.Now().UTC(), AdminAddress: at.Admin, XDSAddress: at.XDS,
		TrustDomain: o.TrustDomain, ConfigDirs: o.ConfigDirs,
	}
	if err := meshstate.Save(m.layout.Dir, m.state); err != nil {
		return explainDisk(m.layout.Dir, err)
	}
	return nil
}

// State is what other processes can read of the mesh.
func (m *Mesh) State() meshstate.MeshState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Layout names the mesh's files.
func (m *Mesh) Layout() Layout { return m.layout }

// Admin is a client of the control plane.
func (m *Mesh) Admin() *adminapi.Client { return adminapi.NewClient(m.State().AdminAddress) }

// SetIngressURLs tells other processes where gateways listen.
func (m *Mesh) SetIngressURLs(urls []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.IngressURLs = urls
	return meshstate.Save(m.layout.Dir, m.state)
}

// Ended closes when the mesh has ended; Stop returns why.
func (m *Mesh) Ended() <-chan struct{} { return m.ended }

// Stop ends the mesh and waits for its end. Workloads are not stopped: they go on with the configuration that they have.
func (m *Mesh) Stop() error {
	m.stop()
	<-m.ended
	return m.err
}

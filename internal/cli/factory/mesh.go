package factory

import (
	"errors"
	"fmt"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// ErrNoMesh is the error of commands that need a running mesh when there is none.
var ErrNoMesh = errors.New("no mesh is running")

// Admin returns a client of the control plane of the standalone mesh that --mesh names. That the mesh answers is not
// checked here; Unreachable explains when it does not.
func (f *Factory) Admin() (*adminapi.Client, error) {
	dir, err := f.StateDir()
	if err != nil {
		return nil, err
	}
	state, err := meshstate.Load(dir)
	if errors.Is(err, meshstate.ErrNotFound) {
		return nil, f.noMesh("")
	}
	if err != nil {
		return nil, err
	}
	if state.AdminAddress == "" {
		return nil, fmt.Errorf("the state of mesh %q in %s has no admin address; start the mesh again", f.Mesh, dir)
	}
	return adminapi.NewClient(state.AdminAddress), nil
}

// Unreachable turns the error of a mesh that is gone, or does not answer, into one that says what to do.
func (f *Factory) Unreachable(err error) error {
	if errors.Is(err, adminapi.ErrUnreachable) {
		return f.noMesh(fmt.Sprintf(" (%v)", err))
	}
	return err
}

func (f *Factory) noMesh(why string) error {
	flag := ""
	if f.Mesh != meshstate.DefaultMesh {
		flag = " --mesh " + f.Mesh
	}
	return fmt.Errorf("%w under the name %q%s: start one with `meshctl demo%s` or `meshctl standalone up%s`, or name a cluster with --kubeconfig or --context",
		ErrNoMesh, f.Mesh, why, flag, flag)
}

package factory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

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
	return fmt.Errorf("%w under the name %q%s: start one with `meshctl demo%s` or `meshctl standalone up%s`, or read a saved dump with --file",
		ErrNoMesh, f.Mesh, why, flag, flag)
}

// Proxy finds a proxy of the running mesh by the name that the user gave (see adminapi.Resolve).
func (f *Factory) Proxy(ctx context.Context, name string) (adminapi.Proxy, error) {
	client, err := f.Admin()
	if err != nil {
		return adminapi.Proxy{}, err
	}
	proxies, err := client.Proxies(ctx)
	if err != nil {
		return adminapi.Proxy{}, f.Unreachable(err)
	}
	return adminapi.Resolve(proxies, name)
}

// CompleteProxy completes the names of the running mesh's proxies; without a mesh there is nothing to complete.
func (f *Factory) CompleteProxy(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	client, err := f.Admin()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	proxies, err := client.Proxies(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, len(proxies))
	for i, p := range proxies {
		names[i] = p.ID
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

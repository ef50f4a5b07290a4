package factory

import (
	"context"
	"errors"
	"fmt"

	"github.com/meshctl/meshctl/internal/envoybin"
	"github.com/meshctl/meshctl/internal/meshstate"
	"github.com/meshctl/meshctl/internal/standalone"
)

// FetchEnvoy returns the path of the Envoy to run, where explicit is the value of --envoy, and downloads one when there is none.
func (f *Factory) FetchEnvoy(ctx context.Context, explicit string) (string, error) {
	options := f.Envoy(explicit)
	options.Fetch = true
	envoy, err := envoybin.Find(ctx, options)
	if err == nil && envoy.Warning != "" {
		f.Say("warning: %s", envoy.Warning)
	}
	return envoy.Path, err
}

// MeshFlag is what other commands need to find the mesh that --mesh names, with a space before it; empty for the default.
func (f *Factory) MeshFlag() string {
	if f.Mesh == meshstate.DefaultMesh {
		return ""
	}
	return " --mesh " + f.Mesh
}

// AlreadyRunning adds what to do to the error of a mesh that runs already.
func (f *Factory) AlreadyRunning(err error) error {
	var held *standalone.HeldError
	if errors.As(err, &held) {
		return fmt.Errorf("%w: see it with `meshctl standalone status%[2]s`, end it with `meshctl standalone down%[2]s`, or give this one another name with --mesh", err, f.MeshFlag())
	}
	return err
}

// NotRunning replaces the error of a mesh that does not run by one that says how to start it.
func (f *Factory) NotRunning(err error) error {
	if errors.Is(err, meshstate.ErrNotFound) {
		return f.noMesh("")
	}
	return err
}

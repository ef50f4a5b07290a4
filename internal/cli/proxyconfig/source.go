package proxyconfig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/pkg/proxyconfig/admin"
)

// source says where a dump comes from: a proxy of the running mesh or a saved file.
type source struct {
	factory *factory.Factory
	mesh    factory.Mesh
	file    string
	timeout time.Duration
}

func (s *source) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.file, "file", "f", "", "read a saved config dump instead of a proxy; - is standard input")
	s.addMesh(cmd)
}

// addMesh defines the flags of commands that ask a running mesh.
func (s *source) addMesh(cmd *cobra.Command) {
	s.mesh.AddFlags(cmd, true)
	cmd.Flags().DurationVar(&s.timeout, "timeout", admin.DefaultTimeout, "how long to wait for the control plane and the proxy")
}

// one is the positional check of commands that take one proxy or a file.
func (s *source) one(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 1:
		return exitcode.Usagef("expected one proxy, got %d", len(args))
	case len(args) == 0 && s.file == "":
		return exitcode.Usagef("name a proxy, or give a saved dump with --file")
	case len(args) == 1 && s.file != "":
		return exitcode.Usagef("give a proxy or --file, not both")
	default:
		return nil
	}
}

// find returns a proxy and the mesh that it belongs to.
func (s *source) find(ctx context.Context, name string) (factory.ControlPlane, adminapi.Proxy, error) {
	mesh, err := s.factory.ControlPlane(ctx, s.mesh)
	if err != nil {
		return nil, adminapi.Proxy{}, err
	}
	p, err := mesh.Find(ctx, name)
	return mesh, p, mesh.Unreachable(err)
}

// live returns the admin client of the proxy's Envoy.
func (s *source) live(ctx context.Context, name string) (*admin.Client, error) {
	mesh, p, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	return mesh.Envoy(p)
}

func (s *source) liveDump(ctx context.Context, name string) (*proxyconfig.Dump, error) {
	client, err := s.live(ctx, name)
	if err != nil {
		return nil, err
	}
	return client.ConfigDump(ctx)
}

// dump reads the file, or asks the proxy.
func (s *source) dump(ctx context.Context, args []string) (*proxyconfig.Dump, error) {
	if s.file != "" {
		return s.fileDump(s.file)
	}
	return s.liveDump(ctx, args[0])
}

func (s *source) fileDump(path string) (*proxyconfig.Dump, error) {
	in := s.factory.IO.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	d, err := proxyconfig.Parse(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// intended is what the control plane means the proxy to run.
func (s *source) intended(ctx context.Context, name string) (*proxyconfig.Dump, error) {
	mesh, p, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := mesh.Config(ctx, p.ID)
	if err != nil {
		return nil, mesh.Unreachable(err)
	}
	return proxyconfig.Parse(bytes.NewReader(data))
}

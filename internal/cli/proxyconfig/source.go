package proxyconfig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/pkg/proxyconfig/admin"
)

// source says where a dump comes from: a proxy of the running mesh or a saved file.
type source struct {
	factory *factory.Factory
	file    string
	timeout time.Duration
}

func (s *source) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.file, "file", "f", "", "read a saved config dump instead of a proxy; - is standard input")
	s.addTimeout(cmd)
}

func (s *source) addTimeout(cmd *cobra.Command) {
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

// live returns the admin client of the proxy's Envoy.
func (s *source) live(ctx context.Context, name string) (*admin.Client, error) {
	p, err := s.factory.Proxy(ctx, name)
	if err != nil {
		return nil, err
	}
	if p.AdminAddress == "" {
		return nil, fmt.Errorf("proxy %s has not said where its admin interface is; look at `meshctl proxy-status %s`", p.ID, p.ID)
	}
	return admin.New(p.AdminAddress), nil
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
	p, err := s.factory.Proxy(ctx, name)
	if err != nil {
		return nil, err
	}
	client, err := s.factory.Admin()
	if err != nil {
		return nil, err
	}
	data, err := client.Config(ctx, p.ID)
	if err != nil {
		return nil, s.factory.Unreachable(err)
	}
	return proxyconfig.Parse(bytes.NewReader(data))
}

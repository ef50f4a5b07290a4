// Package installflags are the flags that say what an installation is made of, the same for every command that renders one.
package installflags

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/install/render"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// Flags are the values of the flags.
type Flags struct {
	Profile             string
	Files, Sets         []string
	Revision, Namespace string
}

// AddFlags defines the flags.
func (f *Flags) AddFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Profile, "profile", "", "profile to start from, one of 'meshctl profile list' (default \""+values.DefaultProfile+"\")")
	flags.StringArrayVarP(&f.Files, "filename", "f", nil, "file of values or with an IstioOperator resource, - for standard input; may be repeated, later files count more")
	flags.StringArrayVarP(&f.Sets, "set", "s", nil, "a single setting PATH=VALUE, such as pilot.replicaCount=2; may be repeated, and counts more than files")
	flags.StringVarP(&f.Revision, "revision", "r", "", "name of the control plane, where several run in one cluster")
	flags.StringVar(&f.Namespace, "system-namespace", "", "namespace of the control plane (default \""+values.DefaultNamespace+"\")")
	_ = cmd.RegisterFlagCompletionFunc("profile", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values.Profiles(), cobra.ShellCompDirectiveNoFileComp
	})
}

// maxFile bounds the size of a file, in bytes.
const maxFile = 4 << 20

// Options reads the files. kubeVersion is that of the cluster; empty where there is none.
func (f *Flags) Options(fac *factory.Factory, kubeVersion string) (values.Options, error) {
	o := values.Options{Profile: f.Profile, Sets: f.Sets, Revision: f.Revision, Namespace: f.Namespace, KubeVersion: kubeVersion}
	for _, path := range f.Files {
		file, err := read(fac, path)
		if err != nil {
			return o, err
		}
		o.Files = append(o.Files, file)
	}
	return o, nil
}

// Load works out the values that the flags ask for. Warnings go to standard error; errors are those of the command line.
func (f *Flags) Load(fac *factory.Factory, kubeVersion string) (values.Values, error) {
	o, err := f.Options(fac, kubeVersion)
	if err != nil {
		return values.Values{}, err
	}
	v, warnings, err := values.Load(o)
	for _, w := range warnings {
		fac.Say("warning: %s", w)
	}
	if err != nil {
		return v, &exitcode.Error{Code: exitcode.Usage, Err: err}
	}
	return v, nil
}

// Render loads and renders.
func (f *Flags) Render(fac *factory.Factory, kubeVersion string) ([]render.Component, values.Values, error) {
	v, err := f.Load(fac, kubeVersion)
	if err != nil {
		return nil, v, err
	}
	components, err := render.Render(v)
	return components, v, err
}

func read(fac *factory.Factory, path string) (values.File, error) {
	file := values.File{Name: path}
	in := fac.IO.In
	if path == "-" {
		file.Name = factory.StandardInput
	} else {
		opened, err := os.Open(path)
		if err != nil {
			return file, fmt.Errorf("-f %s: %w", path, cause(err))
		}
		defer opened.Close()
		in = opened
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	switch {
	case err != nil:
		return file, fmt.Errorf("-f %s: %w", path, cause(err))
	case len(data) > maxFile:
		return file, fmt.Errorf("-f %s: is larger than %d bytes", path, maxFile)
	}
	file.Data = data
	return file, nil
}

// cause leaves out the path, which the message says already.
func cause(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

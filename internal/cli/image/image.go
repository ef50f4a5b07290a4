// Package image is the command `meshctl image`.
package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/envoybin"
	"github.com/meshctl/meshctl/internal/image"
	"github.com/meshctl/meshctl/internal/version"
)

// Options of the command and its subcommands.
type Options struct {
	Factory     *factory.Factory
	Output      factory.Output
	Hub, Tag    string
	Platform    string
	Base        string
	Binaries    string
	Envoy       string
	Compression string
	Insecure    bool          // of push: plain HTTP
	File        string        // of save
	Layout      string        // of build
	To          string        // of load
	Timeout     time.Duration // of load and push
	Names       []string      // which images; empty means all
}

// NewCmd returns the command; runF replaces what its subcommands do, for tests.
func NewCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Make the container images of the mesh, and bring them to clusters and registries",
		Long: `Make the container images of the mesh: meshd, mesh-proxy (Envoy and its agent) and bookinfo (the sample application).

No container engine and no network are needed: release builds of meshctl hold the programs, others find them beside
meshctl. The same programs give the same digests. The images run without root, on a read-only root file system, and
hold no shell.`,
		Example: `  # What would be made?
  meshctl image list

  # Into a node by containerd, kind or Docker
  meshctl image save -o images.tar
  ctr --namespace k8s.io images import images.tar
  meshctl image load --to kind

  # Into a registry of one's own, and from there into the cluster
  meshctl image push --hub registry.example.com/mesh
  meshctl install --set values.global.hub=registry.example.com/mesh`,
	}
	cmd.AddCommand(listCmd(f, runF), buildCmd(f, runF), saveCmd(f, runF), loadCmd(f, runF), pushCmd(f, runF))
	return cmd
}

// subcommand defines what all of them have.
func subcommand(o *Options, run, runF func(context.Context, *Options) error, compression image.Compression, cmd *cobra.Command) *cobra.Command {
	if runF == nil {
		runF = run
	}
	cmd.Use += " [IMAGE...]"
	cmd.ValidArgs = image.Names()
	cmd.Args = func(_ *cobra.Command, args []string) error {
		for _, a := range args {
			if !slices.Contains(image.Names(), a) {
				return exitcode.Usagef("no image is called %q: there are %s", a, strings.Join(image.Names(), ", "))
			}
		}
		if !slices.Contains(image.Compressions(), image.Compression(o.Compression)) {
			return exitcode.Usagef("--compression %q: use none, gzip or zstd", o.Compression)
		}
		o.Names = args
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) }
	flags := cmd.Flags()
	flags.StringVar(&o.Hub, "hub", "meshctl.io", "registry and path that the images are named after")
	flags.StringVar(&o.Tag, "tag", version.String(), "tag of the images")
	flags.StringVar(&o.Platform, "platform", "linux/"+runtime.GOARCH, "platform to make images for: linux/amd64 or linux/arm64")
	flags.StringVar(&o.Base, "base", "", "image below Envoy in mesh-proxy, in the place of this machine's libc: a reference, a tar or an OCI layout")
	flags.StringVar(&o.Binaries, "binaries", "", "folder of meshd, mesh-agent and bookinfo (default: what meshctl holds, then its own folder)")
	flags.StringVar(&o.Envoy, "envoy", "", "path of the Envoy binary to use (also MESHCTL_ENVOY)")
	flags.StringVar(&o.Compression, "compression", string(compression), "how layers are stored: none, gzip or zstd")
	return cmd
}

// images builds what the flags ask for.
func (o *Options) images(ctx context.Context) ([]image.Image, error) {
	platform, err := image.ParsePlatform(o.Platform)
	if err != nil {
		return nil, &exitcode.Error{Code: exitcode.Usage, Err: err}
	}
	sources, err := o.sources()
	if err != nil {
		return nil, err
	}
	build := image.Options{
		Hub: o.Hub, Tag: o.Tag, Platform: o.Platform, Names: o.Names, Compression: image.Compression(o.Compression), Sources: sources,
	}
	if o.Base != "" {
		if build.Base, err = image.Base(ctx, o.Base, platform); err != nil {
			return nil, fmt.Errorf("--base %s: %w", o.Base, err)
		}
	}
	return image.Build(ctx, build)
}

func (o *Options) sources() (image.Sources, error) {
	s := image.Sources{Dir: o.Binaries, Own: o.Binaries != "" || o.Envoy != "", Host: runtime.GOOS + "/" + runtime.GOARCH, Envoy: o.envoy}
	if s.Dir == "" {
		self, err := os.Executable()
		if err != nil {
			return s, fmt.Errorf("where is this program? %w: name the folder of the programs with --binaries", err)
		}
		if self, err = filepath.EvalSymlinks(self); err != nil {
			return s, err
		}
		s.Dir = filepath.Dir(self)
	}
	return s, nil
}

func (o *Options) envoy(ctx context.Context) (string, error) {
	envoy, err := envoybin.Find(ctx, o.Factory.Envoy(o.Envoy))
	if err == nil && envoy.Warning != "" {
		o.Factory.Say("warning: %s", envoy.Warning)
	}
	return envoy.Path, err
}

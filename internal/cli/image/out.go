package image

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/image"
	"github.com/meshctl/meshctl/internal/printer"
)

// defaultTimeout is enough for 200 MB on a slow line.
const defaultTimeout = 10 * time.Minute

func buildCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	cmd := subcommand(o, func(ctx context.Context, o *Options) error {
		if o.Layout == "" {
			return exitcode.Usagef("name the directory to write to with --layout DIR")
		}
		images, err := o.images(ctx)
		if err != nil {
			return err
		}
		if err := image.Layout(o.Layout, images); err != nil {
			return err
		}
		return o.print(images)
	}, runF, image.Gzip, &cobra.Command{
		Use:   "build --layout DIR",
		Short: "Write images to a directory in OCI image layout",
		Long: `Write images to a directory in OCI image layout, which skopeo, crane, oras and BuildKit read. It may hold other images
already; layers that it holds are not written again, so that only what changed is written in a second build.`,
		Example: `  meshctl image build --layout ./images
  skopeo copy oci:./images:meshctl.io/meshd:v1.2.3 docker://registry.example.com/mesh/meshd:v1.2.3`,
	})
	cmd.Flags().StringVar(&o.Layout, "layout", "", "directory to write to")
	o.Output.AddFlag(cmd, printer.Formats()...)
	return cmd
}

func loadCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	cmd := subcommand(o, func(ctx context.Context, o *Options) error {
		if o.To == "" {
			return exitcode.Usagef("say where to with --to: %s", strings.Join(image.Targets(), ", "))
		}
		images, err := o.images(ctx)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		if err := image.Load(ctx, o.To, images, nil); err != nil {
			return err
		}
		o.say("loaded", images)
		return nil
	}, runF, image.None, &cobra.Command{
		Use:   "load --to TARGET",
		Short: "Load images into a node's containerd, kind, minikube, k3d, Docker or Podman",
		Long: `Load images into a container runtime by the program that manages it: ctr (into the namespace of the kubelet), kind,
minikube, k3d, docker or podman, which must be in PATH. After a colon follows which one: the socket of containerd, the
cluster of kind or k3d, the profile of minikube, the context of docker, the connection of podman.`,
		Example: `  meshctl image load --to kind
  meshctl image load --to kind:staging
  meshctl image load --to containerd:/run/k3s/containerd/containerd.sock meshd mesh-proxy`,
	})
	cmd.Flags().StringVar(&o.To, "to", "", "target: "+strings.Join(image.Targets(), ", ")+"; TARGET:WHICH names one of several")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", defaultTimeout, "how long it may take")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(image.Targets(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func pushCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	cmd := subcommand(o, func(ctx context.Context, o *Options) error {
		images, err := o.images(ctx)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		if err := image.Push(ctx, images, o.Insecure); err != nil {
			return err
		}
		return o.print(images)
	}, runF, image.Gzip, &cobra.Command{
		Use:   "push",
		Short: "Push images to a registry",
		Long: `Push images to the registry that --hub names. Layers that it holds are not sent again. Credentials are those that
"docker login" or "podman login" left; registries on this machine are spoken to over plain HTTP.`,
		Example: `  meshctl image push --hub registry.example.com/mesh --tag v1.2.3`,
	})
	cmd.Flags().BoolVar(&o.Insecure, "insecure", false, "allow plain HTTP to the registry")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", defaultTimeout, "how long it may take")
	o.Output.AddFlag(cmd, printer.Formats()...)
	return cmd
}

func (o *Options) say(done string, images []image.Image) {
	for _, img := range images {
		o.Factory.Say("%s %s", done, img.Reference)
	}
}

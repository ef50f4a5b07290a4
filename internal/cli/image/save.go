package image

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/image"
	"github.com/meshctl/meshctl/internal/printer"
)

func listCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	cmd := subcommand(o, func(ctx context.Context, o *Options) error {
		images, err := o.images(ctx)
		if err != nil {
			return err
		}
		return o.print(images)
	}, runF, image.None, &cobra.Command{
		Use:   "list",
		Short: "Show the images that this meshctl makes, with sizes and digests",
		Long: `Show the images that this meshctl makes. A digest is that of the compression which --compression names; the ID (-o wide
or json), which container runtimes show, is the same for all of them.`,
		Example: `  meshctl image list
  meshctl image list -o json --compression gzip`,
	})
	o.Output.AddFlag(cmd, printer.Formats()...)
	return cmd
}

func saveCmd(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	cmd := subcommand(o, save, runF, image.None, &cobra.Command{
		Use:   "save -o FILE",
		Short: "Write images to a tar for containerd, kind or Docker",
		Long: `Write images to a tar which ctr, nerdctl, kind, minikube, Docker, Podman and skopeo take: an OCI image layout that is at the
same time an archive of Docker's. Its layers are not compressed by default, since they are imported faster so.`,
		Example: `  meshctl image save -o images.tar
  ctr --namespace k8s.io images import images.tar

  # Without a file in between
  meshctl image save -o - | docker load

  # Small, for a slow way
  meshctl image save -o images.tar --compression zstd`,
	})
	cmd.Flags().StringVarP(&o.File, "output", "o", "", "file to write; - is standard output")
	return cmd
}

func save(ctx context.Context, o *Options) error {
	switch {
	case o.File == "":
		return exitcode.Usagef("name the archive with --output FILE")
	case o.File == "-" && o.Factory.Terminal:
		return exitcode.Usagef("an archive is not written to a terminal: redirect it, or name a file with --output FILE")
	}
	images, err := o.images(ctx)
	if err != nil {
		return err
	}
	if o.File == "-" {
		return write(o.Factory.IO.Out, images)
	}
	if err := toFile(o.File, images); err != nil {
		return err
	}
	o.say("saved", images)
	return nil
}

// toFile writes a new file and puts it into its place when it is complete.
func toFile(path string, images []image.Image) (err error) {
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	if err := errors.Join(write(f, images), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

func write(w io.Writer, images []image.Image) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	if err := image.Save(buffered, images); err != nil {
		return err
	}
	return buffered.Flush()
}

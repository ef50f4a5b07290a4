package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// RunFunc runs a program to its end with in as its standard input. Its error includes what the program wrote to standard error.
type RunFunc func(ctx context.Context, in io.Reader, name string, args ...string) error

// target is something that images can be loaded into, by a program that knows how.
type target struct {
	name, tool string
	// args are the arguments of the tool. which is what follows the name of the target, and may be empty; file is the archive.
	args func(which, file string) []string
	// stdin says that the tool reads the archive from its standard input.
	stdin bool
}

// targets lists them in the order of the help text.
func targets() []target {
	option := func(flag, value string) []string {
		if value == "" {
			return nil
		}
		return []string{flag, value}
	}
	return []target{
		{"containerd", "ctr", func(socket, _ string) []string {
			return append(option("--address", socket), "--namespace", "k8s.io", "images", "import", "-")
		}, true},
		{"kind", "kind", func(cluster, file string) []string {
			return append([]string{"load", "image-archive", file}, option("--name", cluster)...)
		}, false},
		{"minikube", "minikube", func(profile, file string) []string {
			return append([]string{"image", "load", file}, option("--profile", profile)...)
		}, false},
		{"k3d", "k3d", func(cluster, file string) []string {
			return append([]string{"image", "import", file}, option("--cluster", cluster)...)
		}, false},
		{"docker", "docker", func(context, _ string) []string { return append(option("--context", context), "load") }, true},
		{"podman", "podman", func(connection, _ string) []string { return append(option("--connection", connection), "load") }, true},
	}
}

// Targets lists what Load takes.
func Targets() []string {
	var names []string
	for _, t := range targets() {
		names = append(names, t.name)
	}
	return names
}

// Load brings images into a container runtime. to is one of Targets, or one followed by a colon and which of them: the socket of
// containerd, the cluster of kind or k3d, the profile of minikube. run nil runs programs of this machine.
func Load(ctx context.Context, to string, images []Image, run RunFunc) error {
	name, which, _ := strings.Cut(to, ":")
	if run == nil {
		run = runTool
	}
	for _, t := range targets() {
		if t.name != name {
			continue
		}
		var err error
		if t.stdin {
			err = t.stream(ctx, which, images, run)
		} else {
			err = t.file(ctx, which, images, run)
		}
		if err != nil {
			return fmt.Errorf("load into %s: %w", to, err)
		}
		return nil
	}
	return fmt.Errorf("cannot load images into %q: choose %s", to, strings.Join(Targets(), ", "))
}

func (t target) stream(ctx context.Context, which string, images []Image, run RunFunc) error {
	r, w := io.Pipe()
	saved := make(chan error, 1)
	go func() {
		err := Save(w, images)
		w.CloseWithError(err)
		saved <- err
	}()
	err := run(ctx, r, t.tool, t.args(which, "")...)
	_ = r.Close() // ends Save when the tool ended early
	if failed := <-saved; failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
		return failed
	}
	return err
}

func (t target) file(ctx context.Context, which string, images []Image, run RunFunc) (err error) {
	f, err := os.CreateTemp("", "meshctl-images-*.tar")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := errors.Join(Save(f, images), f.Close()); err != nil {
		return err
	}
	return run(ctx, nil, t.tool, t.args(which, f.Name())...)
}

func runTool(ctx context.Context, in io.Reader, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("%s is not installed: write an archive with `meshctl image save` and import it where it is", name)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr, cmd.WaitDelay = in, &said, 5*time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, last(said.Bytes()))
	}
	return nil
}

// last is the end of what a tool said, where the reason is.
func last(said []byte) string {
	const most = 600
	said = bytes.TrimSpace(said)
	if len(said) > most {
		said = append([]byte("..."), said[len(said)-most:]...)
	}
	return string(said)
}

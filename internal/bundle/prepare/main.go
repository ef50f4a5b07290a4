// Command prepare gathers what a build with the tag "bundle" embeds: the programs of images for one platform.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/meshctl/meshctl/internal/bundle"
	"github.com/meshctl/meshctl/internal/image"
)

func main() {
	platform := flag.String("platform", "linux/"+runtime.GOARCH, "platform of the programs")
	binaries := flag.String("binaries", "bin", "folder of meshd, mesh-agent and bookinfo")
	envoy := flag.String("envoy", "", "path of Envoy; unless it is among the binaries")
	out := flag.String("out", "internal/bundle/data", "folder to write to")
	flag.Parse()
	if err := prepare(context.Background(), *platform, *binaries, *envoy, *out); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func prepare(ctx context.Context, platform, binaries, envoy, out string) error {
	sources := image.Sources{Dir: binaries, Host: runtime.GOOS + "/" + runtime.GOARCH, Own: true,
		Envoy: func(context.Context) (string, error) { return envoy, nil }}
	files := map[bundle.Part][]bundle.File{}
	for _, part := range bundle.Parts() {
		found, err := sources.Files(ctx, part, platform)
		if err != nil {
			return err
		}
		files[part] = found
	}
	return bundle.Write(out, platform, files)
}

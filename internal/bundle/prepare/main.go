// Command prepare gathers what a build with the tag "bundle" embeds: the programs of images for one platform.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/meshctl/meshctl/internal/bundle"
	"github.com/meshctl/meshctl/internal/envoybin"
	"github.com/meshctl/meshctl/internal/image"
)

func main() {
	platform := flag.String("platform", "linux/"+runtime.GOARCH, "platform of the programs")
	binaries := flag.String("binaries", "bin", "folder of meshd, mesh-agent and bookinfo")
	out := flag.String("out", "internal/bundle/data", "folder to write to")
	flag.Parse()
	if err := prepare(context.Background(), *platform, *binaries, *out); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func prepare(ctx context.Context, platform, binaries, out string) error {
	sources := image.Sources{Dir: binaries, Host: runtime.GOOS + "/" + runtime.GOARCH, Own: true, Envoy: findEnvoy}
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

func findEnvoy(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	envoy, err := envoybin.Find(ctx, envoybin.Options{
		Explicit: os.Getenv("MESHCTL_ENVOY"), CacheDir: envoybin.CacheDir(cache), Fetch: true, Progress: os.Stderr,
	})
	return envoy.Path, err
}

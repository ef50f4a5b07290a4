package running

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/dir"
)

// Standalone reads the very files that the mesh on this machine reads, and asks its control plane for what no file holds.
func Standalone(ctx context.Context, f *factory.Factory) (Configuration, error) {
	client, err := f.Admin()
	if err != nil {
		return Configuration{}, err
	}
	running, err := client.Configuration(ctx)
	if err != nil {
		return Configuration{}, f.Unreachable(err)
	}
	out := Configuration{Origin: meshName(f.Mesh), Complete: standaloneKind}
	for _, object := range running.Objects {
		out.Read.Add(config.Decoder{}.DecodeServed(object, "", ""))
	}
	for _, path := range running.ConfigDirs {
		out.Read = dir.Read(dir.Options{Paths: []string{nearby(path)}}).Over(out.Read)
	}
	for _, kept := range lastGood(running.OfBrokenFiles, out.Read) {
		f.Say("note: %s has %s in use as it was before %s broke", out.Origin, nameOf(kept), nearby(kept.File))
	}
	return out, nil
}

// lastGood returns those of the objects in use that cannot be read in the files any more.
func lastGood(inUse []adminapi.Origin, read config.Result) []adminapi.Origin {
	good := map[string]bool{}
	for _, o := range read.Objects {
		good[nameOf(adminapi.Origin{Kind: o.Key.Kind.Name, Namespace: o.Key.Namespace, Name: o.Key.Name})] = true
	}
	return slices.DeleteFunc(inUse, func(o adminapi.Origin) bool { return good[nameOf(o)] })
}

func nameOf(o adminapi.Origin) string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// nearby writes a path below the working directory as people there would.
func nearby(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(here, path); err == nil && short != ".." && !strings.HasPrefix(short, "../") {
		return short
	}
	return path
}

// standaloneKind reports whether a standalone mesh has objects of a kind, if any: its files are all there is. Pods and what makes them
// are a cluster's; of a Namespace, what matters here is in a cluster too.
func standaloneKind(kind config.Kind) bool {
	switch kind {
	case config.Service, config.Secret, config.ConfigMap, config.Endpoints, config.EndpointSlice, config.Ingress, config.IngressClass:
		return true
	}
	for _, group := range []string{".istio.io", ".smi-spec.io", "gateway.networking.k8s.io"} {
		if strings.HasSuffix(kind.Group, group) {
			return true
		}
	}
	return false
}

package analyze

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/dir"
)

// standalone reads the very files that the mesh on this machine reads, and asks its control plane for what no file holds.
func (o *Options) standalone(ctx context.Context) (gathered, error) {
	client, err := o.Factory.Admin()
	if err != nil {
		return gathered{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, listing(o.live.timeout))
	defer cancel()
	running, err := client.Configuration(ctx)
	if err != nil {
		return gathered{}, o.Factory.Unreachable(err)
	}
	out := gathered{origin: meshName(o.Factory.Mesh), complete: standaloneKind}
	for _, object := range running.Objects {
		out.read.Add(config.Decoder{}.DecodeServed(object, "", ""))
	}
	for _, path := range running.ConfigDirs {
		out.read = dir.Read(dir.Options{Paths: []string{nearby(path)}}).Over(out.read)
	}
	for _, kept := range lastGood(running.OfBrokenFiles, out.read) {
		o.Factory.Say("note: %s has %s in use as it was before %s broke", out.origin, nameOf(kept), nearby(kept.File))
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

package running

import (
	"context"
	"strings"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// Cluster lists objects of some kinds, in all namespaces: what is right in one depends on the others.
func Cluster(ctx context.Context, f *factory.Factory, flags factory.Kube, kinds []config.Kind) (Configuration, error) {
	access, name, err := f.Kube(flags).Load()
	if err != nil {
		return Configuration{}, err
	}
	origin := "cluster " + name
	progress := &progress{to: f, origin: origin, began: f.Now()}
	defer progress.end()
	cluster, err := kube.New(access, kube.Options{Name: origin, Progress: progress.show})
	if err != nil {
		return Configuration{}, err
	}
	defer cluster.Close()
	listing, err := cluster.List(ctx, kinds)
	if err != nil {
		return Configuration{}, err
	}
	progress.end()
	return listed(f, origin, listing), nil
}

// listed says what could not be read, and hands on what could.
func listed(f *factory.Factory, origin string, l kube.Listing) Configuration {
	out := Configuration{Read: l.Read, Origin: origin, Why: map[config.Kind]string{}}
	var forbidden []string
	for _, m := range l.Missing {
		out.Why[m.Kind] = string(m.Reason)
		if m.Reason == kube.Forbidden {
			forbidden = append(forbidden, m.Kind.String())
			continue
		}
		f.Say("warning: %s: %s not read: %s", origin, m.Kind, m.Message)
	}
	if len(forbidden) > 0 {
		f.Say("warning: %s: this user may not list %s in all namespaces", origin, strings.Join(forbidden, ", "))
	}
	out.Complete = func(kind config.Kind) bool { _, listed := l.Listed[kind]; return listed }
	out.Missing = func(kind config.Kind) bool { return out.Why[kind] != "" }
	f.Say("%s: read %d objects of %d kinds", origin, len(l.Read.Objects)+len(l.Read.Salvaged), len(l.Listed))
	return out
}

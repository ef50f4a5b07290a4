package analyze

import (
	"context"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// cluster lists what the analyzers want to know of a cluster. The namespace flag does not narrow it: what is right in one namespace
// depends on the others.
func (o *Options) cluster(ctx context.Context, c choice) (gathered, error) {
	access, name, err := o.Factory.Kube(o.live.kube).Load()
	if err != nil {
		return gathered{}, err
	}
	origin := "cluster " + name
	progress := &progress{to: o.Factory, origin: origin, began: o.Factory.Now()}
	defer progress.end()
	cluster, err := kube.New(access, kube.Options{Name: origin, Progress: progress.show})
	if err != nil {
		return gathered{}, err
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(ctx, listing(o.live.timeout))
	defer cancel()
	listing, err := cluster.List(ctx, wanted(c.analyzers))
	if err != nil {
		return gathered{}, err
	}
	progress.end()
	return o.listed(origin, listing), nil
}

// listing is how much of the time reading may take: some must be left to judge what was read.
func listing(timeout time.Duration) time.Duration { return timeout - min(timeout/5, 10*time.Second) }

// wanted are the kinds that analyzers read; every kind for those that judge whatever there is.
func wanted(analyzers []*analyze.Analyzer) []config.Kind {
	reads := map[config.Kind]bool{}
	for _, a := range analyzers {
		for _, kind := range a.Kinds {
			reads[kind] = true
		}
	}
	var out []config.Kind
	for _, kind := range config.Kinds() {
		if reads[kind] || len(reads) == 0 {
			out = append(out, kind)
		}
	}
	return out
}

// listed says what could not be read, and hands on what could.
func (o *Options) listed(origin string, l kube.Listing) gathered {
	out := gathered{read: l.Read, origin: origin, why: map[config.Kind]string{}}
	var forbidden []string
	for _, m := range l.Missing {
		out.why[m.Kind] = string(m.Reason)
		if m.Reason == kube.Forbidden {
			forbidden = append(forbidden, m.Kind.String())
			continue
		}
		o.Factory.Say("warning: %s: %s not read: %s", origin, m.Kind, m.Message)
	}
	if len(forbidden) > 0 {
		o.Factory.Say("warning: %s: this user may not list %s in all namespaces", origin, strings.Join(forbidden, ", "))
	}
	out.complete = func(kind config.Kind) bool { _, listed := l.Listed[kind]; return listed }
	out.missing = func(kind config.Kind) bool { return out.why[kind] != "" }
	o.Factory.Say("%s: read %d objects of %d kinds", origin, len(l.Read.Objects)+len(l.Read.Salvaged), len(l.Listed))
	return out
}

package incluster

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/revision"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source"
)

// tagsTimeout is how long configuration waits for the revision tags of the cluster.
const tagsTimeout = 10 * time.Second

// ofRevision is a source without the objects of other revisions: a label istio.io/rev on an object of the mesh says for which revision it is,
// or for which tag; without it the object is for all of them, as in Istio.
type ofRevision struct {
	source.Source
	names *revision.Names
	log   *slog.Logger
}

// Run implements source.Source.
func (s ofRevision) Run(ctx context.Context, emit func(config.Batch)) error {
	timer := time.NewTimer(tagsTimeout)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-s.names.Known():
	case <-timer.C:
		s.log.Warn("the revision tags of the cluster are not known: configuration that is labelled for one does not count yet")
	}
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	changed := s.names.Changed()
	f := &revisionFilter{emit: emit, labelled: map[config.Key]*config.Object{}}
	f.mine, _ = s.names.Mine()
	following.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
			changed = s.names.Changed()
			mine, _ := s.names.Mine()
			f.rename(mine)
		}
	})
	return s.Source.Run(ctx, f.batch)
}

// revisionFilter passes on what is for this control plane.
type revisionFilter struct {
	emit func(config.Batch)

	mu   sync.Mutex // held while emit is called, too: one call at a time
	mine func(string) bool
	// labelled are the objects that name a revision or a tag, ours and others: tags move.
	labelled map[config.Key]*config.Object
}

// batch makes of an object that went over to another revision one that is gone.
func (f *revisionFilter) batch(b config.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b.Full {
		clear(f.labelled)
	}
	for _, key := range b.Deletes {
		delete(f.labelled, key)
	}
	var kept []*config.Object
	var gone []config.Key
	for _, o := range b.Upserts {
		name := named(o)
		if name == "" {
			delete(f.labelled, o.Key)
			kept = append(kept, o)
			continue
		}
		f.labelled[o.Key] = o
		switch {
		case f.mine(name):
			kept = append(kept, o)
		case !b.Full:
			gone = append(gone, o.Key)
		}
	}
	b.Upserts, b.Deletes = kept, append(gone, b.Deletes...)
	f.emit(b)
}

// rename goes over to other names.
func (f *revisionFilter) rename(mine func(string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b config.Batch
	for key, o := range f.labelled {
		was, is := f.mine(named(o)), mine(named(o))
		switch {
		case is && !was:
			b.Upserts = append(b.Upserts, o)
		case was && !is:
			b.Deletes = append(b.Deletes, key)
		}
	}
	f.mine = mine
	if len(b.Upserts)+len(b.Deletes) > 0 {
		f.emit(b)
	}
}

// named returns the revision or tag that an object of the mesh is for, "" for all of them. What exists in the cluster anyway is there for
// all.
func named(o *config.Object) string {
	k := o.Key.Kind
	if k == config.WorkloadEntry || !strings.HasSuffix(k.Group, ".istio.io") && k.Group != config.HTTPRoute.Group {
		return ""
	}
	return o.Meta.Labels[revision.Label]
}

// speaksFor reports whether it is for this control plane to write the status of an object: of one that is for all of them the default one
// does, or that to which the tag of that name leads.
func (p *process) speaksFor(o *config.Object) bool {
	mine, _ := p.names.Mine()
	name := o.Meta.Labels[revision.Label]
	if name == "" {
		name = revision.Default
	}
	return mine(name)
}

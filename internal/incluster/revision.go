package incluster

import (
	"context"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source"
)

// revisionLabel on an object of the mesh says which control plane it is for; without it the object is for all of them, as in Istio.
const revisionLabel = "istio.io/rev"

// ofRevision is a source without the objects of other revisions.
type ofRevision struct {
	source.Source
	revision string
}

// Run implements source.Source.
func (s ofRevision) Run(ctx context.Context, emit func(config.Batch)) error {
	return s.Source.Run(ctx, func(b config.Batch) { emit(s.filter(b)) })
}

// filter makes of an object that went over to another revision one that is gone.
func (s ofRevision) filter(b config.Batch) config.Batch {
	if !slices.ContainsFunc(b.Upserts, s.foreign) {
		return b
	}
	kept := make([]*config.Object, 0, len(b.Upserts))
	deletes := slices.Clone(b.Deletes)
	for _, o := range b.Upserts {
		switch {
		case !s.foreign(o):
			kept = append(kept, o)
		case !b.Full:
			deletes = append(deletes, o.Key)
		}
	}
	b.Upserts, b.Deletes = kept, deletes
	return b
}

func (s ofRevision) foreign(o *config.Object) bool {
	rev := o.Meta.Labels[revisionLabel]
	return rev != "" && rev != s.revision && configuresMesh(o.Key.Kind)
}

// configuresMesh kinds are read by revision; what exists in the cluster anyway is there for all.
func configuresMesh(k config.Kind) bool {
	return k != config.WorkloadEntry && (strings.HasSuffix(k.Group, ".istio.io") || k.Group == config.HTTPRoute.Group)
}

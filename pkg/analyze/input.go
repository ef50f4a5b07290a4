package analyze

import (
	"slices"
	"time"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// NewInput resolves what was read. Of two objects with one key the later one counts. Salvaged objects take part: other
// objects are judged as if they were repaired.
func NewInput(read config.Result, options mesh.Options, now time.Time) Input {
	objects, doubles := config.Distinct(read.Objects)
	in := Input{Problems: slices.Concat(read.Problems, doubles), Broken: map[config.Key]bool{}, Now: now}
	taken := make(map[config.Key]bool, len(objects))
	for _, o := range objects {
		taken[o.Key] = true
	}
	for _, o := range read.Salvaged {
		if !taken[o.Key] {
			taken[o.Key] = true
			objects = append(objects, o)
		}
	}
	for _, key := range read.Broken {
		in.Broken[key] = true
	}
	in.Mesh = mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), options)
	return in
}

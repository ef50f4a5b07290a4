package analyze

import (
	"slices"
	"time"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Analyzer looks for one thing, or a few that are found together.
type Analyzer struct {
	// Name is how people choose it: lower case, words joined by dashes, the subject first ("virtualservice-weights").
	Name string
	// Doc says in one line what it looks for.
	Doc string
	// Codes are what it may report.
	Codes []codes.Code
	// Kinds are the kinds that it reads: what must be fetched for it. A test holds it to them.
	Kinds []config.Kind
	// Optional are those of Kinds without which it can still tell something: it asks Pass.Knows before it concludes anything from
	// them. When another one exists but could not be read, the analyzer is not run.
	Optional []config.Kind
	// Run looks at the mesh and reports. It must not keep the pass, and not start goroutines.
	Run func(*Pass)
}

// Input is what is judged.
type Input struct {
	// Mesh is resolved from every object, the salvaged ones included. Its Set is what Pass hands out.
	Mesh *mesh.Snapshot
	// Problems are what reading the input found.
	Problems []config.Problem
	// Broken are the objects of Mesh that have an error and are not in force. Nothing else is reported of them.
	Broken map[config.Key]bool
	// Complete reports the kinds of which Mesh has all objects that exist, even if that is none: those that a cluster listed.
	// Of the others, Mesh is taken to have all as soon as it has one. Nil: no kind is known to be complete.
	Complete func(config.Kind) bool
	// Missing reports the kinds of which there may be objects that could not be read: nothing can be concluded from what Mesh has not
	// of them, and analyzers that cannot do without are not to be run, see Analyzer.Lacks. Nil: there are none.
	Missing func(config.Kind) bool
	// Now decides about certificates.
	Now time.Time
}

// Lacks returns the kinds of those missing that the analyzer cannot do without.
func (a *Analyzer) Lacks(missing func(config.Kind) bool) []config.Kind {
	var out []config.Kind
	for _, kind := range a.Kinds {
		if missing(kind) && !slices.Contains(a.Optional, kind) {
			out = append(out, kind)
		}
	}
	return out
}

// Finding is what an analyzer reports.
type Finding struct {
	Code codes.Code
	// Object is where the fault is; the one to change.
	Object *config.Object
	// Field is the path within it, as config.Object.FieldPosition takes it; empty for the object as a whole.
	Field string
	// Message says in one line what is wrong and what comes of it, without repeating the object.
	Message string
	// Fix says what to write instead; the general one of the code when empty.
	Fix string
	// Edits are a safe way to do so: changes of text that cannot make things worse.
	Edits []Edit
	// Related are other objects that have to do with it.
	Related []Related
}

// Edit replaces text in a file.
type Edit struct {
	// Position is where Old begins.
	Position config.Position `json:"position"`
	// Old is what stands there now, on one line; empty to insert before Position.
	Old string `json:"old"`
	// New is what is to stand there. It may have several lines.
	New string `json:"new"`
}

// Related is another place that a finding is about.
type Related struct {
	Object   config.Key      `json:"-"`
	Position config.Position `json:"position"`
	Message  string          `json:"message"`
}

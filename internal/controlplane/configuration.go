package controlplane

import (
	"encoding/json"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Configuration implements adminapi.Backend.
func (c *ControlPlane) Configuration() (adminapi.Configuration, error) {
	set := c.snapshot.Load().Set()
	out := adminapi.Configuration{ConfigDirs: c.o.ConfigDirs, Objects: []json.RawMessage{}, Kept: []adminapi.Origin{}}
	inUse := map[string]bool{} // files
	for _, kind := range set.Kinds() {
		for _, o := range set.Sorted(kind) {
			if file := o.Position().File; file != "" {
				inUse[file] = true
				continue
			}
			data, err := json.Marshal(o)
			if err != nil {
				return out, err
			}
			out.Objects = append(out.Objects, data)
		}
	}
	told := map[adminapi.Origin]bool{}
	for _, p := range *c.sources.Load() {
		if kept, ok := keptFor(p, set, inUse); ok && !told[kept] {
			told[kept] = true
			out.Kept = append(out.Kept, kept)
		}
	}
	return out, nil
}

// keptFor returns what stays in use although the text of a problem broke it.
func keptFor(p config.Problem, set config.Set, inUse map[string]bool) (adminapi.Origin, bool) {
	if p.Severity != config.Error || p.Code == codes.NameTaken {
		return adminapi.Origin{}, false
	}
	if p.Object == (config.Key{}) { // a file that cannot be read at all
		return adminapi.Origin{File: p.Position.File}, p.Position.Line == 0 && inUse[p.Position.File]
	}
	o := set.Get(p.Object)
	if o == nil || o.Position().File != p.Position.File {
		return adminapi.Origin{}, false
	}
	return originAt(p.Object, config.Position{File: p.Position.File}), true
}

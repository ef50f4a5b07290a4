package controlplane

import (
	"encoding/json"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Configuration implements adminapi.Backend.
func (c *ControlPlane) Configuration() (adminapi.Configuration, error) {
	out := adminapi.Configuration{ConfigDirs: c.o.ConfigDirs, Objects: []json.RawMessage{}, OfBrokenFiles: []adminapi.Origin{}}
	broken := map[string]bool{} // files
	for _, p := range *c.sources.Load() {
		if p.Severity == config.Error && p.Code != codes.NameTaken {
			broken[p.Position.File] = true
		}
	}
	set := c.snapshot.Load().Set()
	for _, kind := range set.Kinds() {
		for _, o := range set.Sorted(kind) {
			switch file := o.Position().File; {
			case file == "":
				data, err := json.Marshal(o)
				if err != nil {
					return out, err
				}
				out.Objects = append(out.Objects, data)
			case broken[file]:
				out.OfBrokenFiles = append(out.OfBrokenFiles, originAt(o.Key, o.Position()))
			}
		}
	}
	return out, nil
}

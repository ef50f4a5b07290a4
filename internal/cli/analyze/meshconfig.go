package analyze

import (
	"fmt"
	"os"
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
)

// withMeshConfig puts the MeshConfig that --mesh-config names in the place of the input's.
func (o *Options) withMeshConfig(read config.Result) (config.Result, error) {
	if o.MeshConfig == "" {
		return read, nil
	}
	data, err := os.ReadFile(o.MeshConfig)
	if err != nil {
		return read, fmt.Errorf("mesh configuration: %w", err)
	}
	object, err := config.MeshConfigObject(o.MeshConfig, data, o.SystemNamespace)
	if err != nil {
		return read, fmt.Errorf("mesh configuration: %w", err)
	}
	other := func(o *config.Object) bool { return o.Key == object.Key }
	read.Objects = append(slices.DeleteFunc(read.Objects, other), object)
	read.Salvaged = slices.DeleteFunc(read.Salvaged, other)
	return read, nil
}

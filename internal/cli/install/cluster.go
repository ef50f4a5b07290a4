package install

import (
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/install/client"
)

// Dial returns a client of the cluster that the flags name, and the name under which people know the cluster.
func Dial(f *factory.Factory, flags factory.Kube, o client.Options) (*client.Client, string, error) {
	config, name, err := f.Kube(flags).Load()
	if err != nil {
		return nil, "", err
	}
	c, err := client.New(config, o)
	return c, name, err
}

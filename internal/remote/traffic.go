package remote

import (
	"context"

	"github.com/meshctl/meshctl/pkg/traffic"
)

// Traffic is what the proxies of all replicas have counted. Those of a replica that does not answer are missing from it.
func (c *Cluster) Traffic(ctx context.Context) (traffic.Round, error) {
	all, err := everyone(ctx, c, func(ctx context.Context, i Instance) (traffic.Round, error) { return i.Traffic(ctx) })
	if err != nil {
		return traffic.Round{}, err
	}
	rounds := make([]traffic.Round, len(all))
	for i, a := range all {
		rounds[i] = a.value
	}
	return traffic.Merge(rounds), nil
}

package remote

import (
	"context"

	"github.com/meshctl/meshctl/pkg/traffic"
)

// Traffic asks the proxies of all replicas what they have counted, or those that matter to a namespace. A replica that does not answer is named among the silent.
func (c *Cluster) Traffic(ctx context.Context, namespace string) (traffic.Report, error) {
	answers, err := everyone(ctx, c, func(ctx context.Context, i Instance) (traffic.Report, error) { return i.Traffic(ctx, namespace) })
	if err != nil {
		return traffic.Report{}, err
	}
	reports := make([]traffic.Report, len(answers))
	for i, a := range answers {
		reports[i] = a.value
	}
	return traffic.Merge(reports), nil
}

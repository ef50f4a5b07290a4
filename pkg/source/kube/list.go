package kube

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"github.com/meshctl/meshctl/pkg/config"
)

// maxRestarts is how often a list starts again because the cluster forgot the state of which it gave out the first pages.
const maxRestarts = 3

// list reads all objects of a kind, as they are at one moment.
func (c *Cluster) list(ctx context.Context, r resource) outcome {
	if r.path == "" {
		return outcome{}
	}
	page := c.o.Page
	for restarts := 0; ; restarts++ {
		out := c.pages(ctx, r, page)
		if !errors.Is(out.err, errGone) || restarts == maxRestarts {
			return out
		}
		c.advance(0, -out.count)
		page *= 4 // fewer pages are done sooner
	}
}

// pages reads a list page by page: the token of a page leads to the next one, of the same state. See
// https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks.
func (c *Cluster) pages(ctx context.Context, r resource, size int) (out outcome) {
	query := url.Values{"limit": {strconv.Itoa(size)}}
	if selector := fields(r.kind); selector != "" {
		query.Set("fieldSelector", selector)
	}
	for {
		count := 0
		next, err := c.page(ctx, r.path, query, func(item []byte) {
			count++
			out.read.Add(c.o.Decoder.DecodeServed(item, r.apiVersion, r.kind.Name))
		})
		out.count += count
		c.advance(0, count)
		if err != nil || next.token == "" {
			out.err = err
			return out
		}
		query.Set("continue", next.token)
	}
}

// fields leaves out what is large and never the mesh's: the copies of their manifests that Helm keeps in Secrets.
func fields(kind config.Kind) string {
	if kind == config.Secret {
		return "type!=helm.sh/release.v1"
	}
	return ""
}

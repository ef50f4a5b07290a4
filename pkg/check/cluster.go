package check

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/pkg/install/client"
)

// Cluster is what the checks look at. What several checks read is read once: make a new one to look again.
type Cluster struct {
	Client *client.Client
	// Mesh reaches the control planes; only the checks of an installation need it.
	Mesh *remote.Cluster
	// System is the namespace of the control plane; Revision the only one to check, empty for all.
	System, Revision string
	// Version is that of this program.
	Version string
	// Wanted are the objects that an installation would have.
	Wanted []*unstructured.Unstructured
	Now    time.Time

	mu   sync.Mutex
	read map[string]*reading
}

type reading struct {
	once  sync.Once
	items []unstructured.Unstructured
	err   error
}

// kind is one of version v1, as all kinds are that the checks read.
func kind(group, name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: "v1", Kind: name}
}

// list reads all objects of a kind in all namespaces, or in one, once.
func (c *Cluster) list(ctx context.Context, k schema.GroupVersionKind, s client.Selection) ([]unstructured.Unstructured, error) {
	key := k.String() + " " + s.Namespace + " " + s.Labels
	c.mu.Lock()
	if c.read == nil {
		c.read = map[string]*reading{}
	}
	r, ok := c.read[key]
	if !ok {
		r = &reading{}
		c.read[key] = r
	}
	c.mu.Unlock()
	r.once.Do(func() { r.items, r.err = c.Client.List(ctx, k, s) })
	return r.items, r.err
}

// typed reads objects of a kind into their Go type.
func typed[T any](ctx context.Context, c *Cluster, k schema.GroupVersionKind, s client.Selection) ([]T, error) {
	items, err := c.list(ctx, k, s)
	if err != nil {
		return nil, err
	}
	return convert[T](items)
}

func convert[T any](items []unstructured.Unstructured) ([]T, error) {
	out := make([]T, len(items))
	for i, item := range items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// unread is the result of a check for which something could not be read: a user who may not look is no fault of the cluster.
func unread(err error) Result {
	if apierrors.IsForbidden(err) {
		return Result{State: Skipped, Message: err.Error(), Hint: "check as a user who may read this"}
	}
	return failure(err)
}

// mine reports whether a revision is to be checked.
func (c *Cluster) mine(revision string) bool {
	return c.Revision == "" || c.Revision == revision || c.Revision == "default" && revision == ""
}

// few shortens a list of places for people.
func few(all []string) []string {
	const most = 8
	slices.Sort(all)
	if len(all) <= most {
		return all
	}
	return append(slices.Clone(all[:most]), "and "+plural(len(all)-most, "more", "more"))
}

func plural(n int, one, many string) string {
	word := many
	if n == 1 {
		word = one
	}
	return itoa(n) + " " + word
}

func key(namespace, name string) string { return strings.TrimPrefix(namespace+"/"+name, "/") }

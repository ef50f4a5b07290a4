package kube

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
)

// Listing is what a cluster holds.
type Listing struct {
	// Read holds the objects of the kinds that were listed to their end, ordered by kind.
	Read config.Result
	// Listed says of those kinds how many objects there are. A kind that the cluster does not have is among them: it has none.
	Listed map[config.Kind]int
	// Missing are the other kinds that were asked for, ordered by group and name.
	Missing []Missing
}

// Missing is a kind that could not be listed. Nothing is known of its objects.
type Missing struct {
	Kind   config.Kind
	Reason Reason
	// Message says more, for people.
	Message string
}

// Reason is why a kind could not be listed.
type Reason string

const (
	// Forbidden means that the user may not list the kind in all namespaces.
	Forbidden Reason = "forbidden"
	// OutOfTime means that the context ended, or the server was too slow.
	OutOfTime Reason = "out of time"
	// Failed means that the server gave no good answer, or serves no version that can be read.
	Failed Reason = "failed"
)

// List reads all objects of some kinds, in all namespaces. What is wrong with a kind is part of the listing. So is what the end of ctx
// leaves out, once the cluster has answered at all. The error is that of a cluster that cannot be asked: one that does not answer
// (ErrUnreachable), or does not know the user (ErrUnauthorized).
func (c *Cluster) List(ctx context.Context, kinds []config.Kind) (Listing, error) {
	c.progress = Progress{Kinds: len(kinds)}
	resources, missing, err := c.discover(ctx, kinds)
	if err != nil {
		return Listing{}, err
	}
	out := Listing{Listed: map[config.Kind]int{}, Missing: missing}
	lists := make([]outcome, len(resources))
	var wait sync.WaitGroup
	for i, r := range resources {
		wait.Go(func() {
			lists[i] = c.list(ctx, r)
			c.advance(1, 0)
		})
	}
	wait.Wait()
	for i, r := range resources {
		switch err := lists[i].err; {
		case err == nil:
			out.Read.Add(lists[i].read)
			out.Listed[r.kind] = lists[i].count
		case errors.Is(err, ErrUnauthorized):
			return Listing{}, err
		case errors.Is(err, context.Canceled):
			return Listing{}, context.Canceled
		default:
			out.Missing = append(out.Missing, missingFor(r.kind, err))
		}
	}
	slices.SortFunc(out.Missing, func(a, b Missing) int {
		return cmp.Or(cmp.Compare(a.Kind.Group, b.Kind.Group), cmp.Compare(a.Kind.Name, b.Kind.Name))
	})
	return out, nil
}

func missingFor(kind config.Kind, err error) Missing {
	m := Missing{Kind: kind, Reason: Failed, Message: err.Error()}
	switch {
	case errors.Is(err, errForbidden):
		m.Reason = Forbidden
	case errors.Is(err, context.DeadlineExceeded):
		m.Reason, m.Message = OutOfTime, "not listed in time"
	}
	return m
}

// outcome is what came of listing one kind.
type outcome struct {
	read  config.Result
	count int
	err   error
}

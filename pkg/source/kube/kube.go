// Package kube reads configuration from a Kubernetes cluster, through client-go's transport alone: no generated clients, no caches.
// Lists are paged, decoded item by item, and of those kinds only that are asked for.
package kube

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/meshctl/meshctl/pkg/config"
)

// Options say how to read. The zero value is good for any cluster.
type Options struct {
	// Name is how people know the cluster, for messages; the address when empty.
	Name string
	// Page is how many objects one answer holds at most. Default 500, as for kubectl.
	Page int
	// Parallel is how many requests run at a time. Default 4: the server's own fairness bounds the rate.
	Parallel int
	// AnswerTimeout is how long the server may take to describe an API group; a server that does not is taken to be away. Default
	// 10 s. PageTimeout is how long one page of a list may take. Default 60 s.
	AnswerTimeout, PageTimeout time.Duration
	// RefusedPatience is for how long a watched kind must be refused until it is a Problem and the rest goes on without it: a server that
	// has just started refuses what it allows a moment later. Default 5 s.
	RefusedPatience time.Duration
	// Decoder reads the objects.
	Decoder config.Decoder
	// Progress, unless nil, is told after each page. Calls do not overlap.
	Progress func(Progress)
}

// Progress is how far a List has come.
type Progress struct {
	// Listed of Kinds are done; Objects are read so far.
	Listed, Kinds, Objects int
}

// Cluster is one cluster, seen as one user.
type Cluster struct {
	o      Options
	client *http.Client
	base   *url.URL
	// slots holds one token for each request that may run.
	slots chan struct{}

	mu       sync.Mutex
	progress Progress
}

// New returns a cluster. Nothing is asked of it yet; an error means that the configuration contradicts itself or names files that cannot
// be read. Close it after use.
func New(c *rest.Config, o Options) (*Cluster, error) {
	if o.Page <= 0 {
		o.Page = 500
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	if o.AnswerTimeout <= 0 {
		o.AnswerTimeout = 10 * time.Second
	}
	if o.PageTimeout <= 0 {
		o.PageTimeout = time.Minute
	}
	if o.RefusedPatience <= 0 {
		o.RefusedPatience = 5 * time.Second
	}
	base, _, err := rest.DefaultServerUrlFor(c)
	if err != nil {
		return nil, fmt.Errorf("address of the cluster: %w", err)
	}
	if o.Name == "" {
		o.Name = base.Host
	}
	client, err := rest.HTTPClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("credentials for %s: %w", o.Name, err)
	}
	return &Cluster{o: o, client: client, base: base, slots: make(chan struct{}, o.Parallel)}, nil
}

// Close ends the connections.
func (c *Cluster) Close() { utilnet.CloseIdleConnectionsFor(c.client.Transport) }

func (c *Cluster) advance(listed, objects int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.Listed += listed
	c.progress.Objects += objects
	if c.o.Progress != nil {
		c.o.Progress(c.progress)
	}
}

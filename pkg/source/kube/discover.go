package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/version"

	"github.com/meshctl/meshctl/pkg/config"
)

// resource is a kind as the cluster serves it.
type resource struct {
	kind       config.Kind
	apiVersion string
	// path is that of the list in all namespaces.
	path string
}

// groupDocument and resourceDocument are the parts that matter of an APIGroup and an APIResourceList. See
// https://kubernetes.io/docs/reference/using-api/api-concepts/#api-discovery.
type groupDocument struct {
	Versions []struct {
		Version string `json:"version"`
	} `json:"versions"`
}

type resourceDocument struct {
	Resources []resourceEntry `json:"resources"`
}

type resourceEntry struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	Verbs []string `json:"verbs"`
}

// Version returns what the server says of itself.
func (c *Cluster) Version(ctx context.Context) (version.Info, error) {
	var v version.Info
	err := c.describe(ctx, "/version", &v)
	return v, err
}

// discover finds out under which version and name the cluster serves kinds. Kinds that it does not have become resources without
// a path. Only the groups of the kinds are asked for.
func (c *Cluster) discover(ctx context.Context, kinds []config.Kind) (found []resource, missing []Missing, err error) {
	groups := map[string][]config.Kind{}
	for _, kind := range kinds {
		groups[kind.Group] = append(groups[kind.Group], kind)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var wait sync.WaitGroup
	var silent []Missing // of groups of which the server says nothing
	var silence error
	for group, kinds := range groups {
		wait.Go(func() {
			g := discovery{cluster: c, group: group, served: map[string][]resourceEntry{}}
			resources, absent, failed := g.find(ctx, kinds)
			mu.Lock()
			defer mu.Unlock()
			found = append(found, resources...)
			missing = append(missing, absent...)
			switch {
			case errors.Is(failed, context.DeadlineExceeded):
				silence = failed
				for _, kind := range kinds {
					silent = append(silent, missingFor(kind, failed))
				}
			case failed != nil && err == nil: // the others end because of this one
				err = failed
				cancel()
			}
		})
	}
	wait.Wait()
	if err == nil && len(found)+len(missing) == 0 {
		err = silence
	}
	missing = append(missing, silent...)
	slices.SortFunc(found, func(a, b resource) int {
		return cmp.Or(cmp.Compare(a.kind.Group, b.kind.Group), cmp.Compare(a.kind.Name, b.kind.Name))
	})
	return found, missing, err
}

// discovery looks for the kinds of one group.
type discovery struct {
	cluster *Cluster
	group   string
	served  map[string][]resourceEntry // by version
}

// find returns an error only for a cluster that cannot be asked at all.
func (d discovery) find(ctx context.Context, kinds []config.Kind) (found []resource, missing []Missing, err error) {
	versions, err := d.versions(ctx)
	if err == nil {
		for _, kind := range kinds {
			r, gone, failed := d.resource(ctx, kind, versions)
			switch {
			case failed != nil:
				err = failed
			case gone != "":
				missing = append(missing, Missing{kind, Failed, gone})
			default:
				found = append(found, r)
			}
		}
	}
	if err == nil || fatal(err) {
		return found, missing, err
	}
	missing = nil
	for _, kind := range kinds { // the group as a whole: a permission, or a server behind the server
		missing = append(missing, missingFor(kind, err))
	}
	return nil, missing, nil
}

func fatal(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrUnauthorized) || errors.Is(err, context.Canceled)
}

// versions are those of the group that the cluster serves; none for a group that it does not know.
func (d discovery) versions(ctx context.Context) ([]string, error) {
	if d.group == "" {
		return []string{"v1"}, nil
	}
	var doc groupDocument
	err := d.cluster.describe(ctx, "/apis/"+d.group, &doc)
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	var out []string
	for _, v := range doc.Versions {
		out = append(out, v.Version)
	}
	return out, err
}

// resource finds a kind in the best version that can be read. missing says why it cannot be read though it is there.
func (d discovery) resource(ctx context.Context, kind config.Kind, served []string) (r resource, missing string, err error) {
	readable := config.Versions(kind)
	r.kind = kind
	for _, version := range readable {
		if !slices.Contains(served, version) {
			continue
		}
		e, err := d.entry(ctx, version, kind)
		switch {
		case err != nil:
			return r, "", err
		case e == nil:
		case !slices.Contains(e.Verbs, "list"):
			return r, "the cluster does not let anybody list it", nil
		default:
			r.apiVersion, r.path = strings.TrimPrefix(d.group+"/"+version, "/"), d.path(version)+"/"+e.Name
			return r, "", nil
		}
	}
	for _, version := range served {
		if slices.Contains(readable, version) {
			continue
		}
		if e, err := d.entry(ctx, version, kind); err != nil || e != nil {
			return r, fmt.Sprintf("the cluster serves it as %s, this program reads %s", version, strings.Join(readable, ", ")), err
		}
	}
	return r, "", nil
}

func (d discovery) path(version string) string {
	if d.group == "" {
		return "/api/" + version
	}
	return "/apis/" + d.group + "/" + version
}

// entry returns what the cluster says of a kind in a version, or nil.
func (d discovery) entry(ctx context.Context, version string, kind config.Kind) (*resourceEntry, error) {
	entries, known := d.served[version]
	if !known {
		var doc resourceDocument
		if err := d.cluster.describe(ctx, d.path(version), &doc); err != nil && !errors.Is(err, errNotFound) {
			return nil, err
		}
		entries = doc.Resources
		d.served[version] = entries
	}
	for i, e := range entries {
		if e.Kind == kind.Name && !strings.Contains(e.Name, "/") { // a slash makes it a part of another kind, such as its scale
			return &entries[i], nil
		}
	}
	return nil, nil
}

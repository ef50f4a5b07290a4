package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is a kind as the cluster serves it.
type Kind struct {
	schema.GroupVersionKind
	Resource   string
	Namespaced bool
	Verbs      []string
}

// GVR is the name of its resource.
func (k Kind) GVR() schema.GroupVersionResource { return k.GroupVersion().WithResource(k.Resource) }

// entry is the part that matters of an APIResource. See https://kubernetes.io/docs/reference/using-api/api-concepts/#api-discovery.
type entry struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`
	Namespaced bool     `json:"namespaced"`
	Verbs      []string `json:"verbs"`
}

// Kind finds out how the cluster serves a kind. An empty version stands for the one that the cluster prefers. The error is a
// *meta.NoKindMatchError when the cluster does not have the kind (see meta.IsNoMatchError).
func (c *Client) Kind(ctx context.Context, k schema.GroupVersionKind) (Kind, error) {
	if k.Version == "" {
		version, err := c.preferred(ctx, k.Group)
		if err != nil {
			return Kind{}, err
		}
		if k.Version = version; version == "" {
			return Kind{}, &meta.NoKindMatchError{GroupKind: k.GroupKind()}
		}
	}
	find := func(entries []entry) (Kind, bool) {
		i := slices.IndexFunc(entries, func(e entry) bool { return e.Kind == k.Kind && !strings.Contains(e.Name, "/") })
		if i < 0 {
			return Kind{}, false
		}
		return Kind{k, entries[i].Name, entries[i].Namespaced, entries[i].Verbs}, true
	}
	path := versionPath(k.GroupVersion())
	c.mu.Lock()
	known := c.kinds[path]
	c.mu.Unlock()
	if found, ok := find(known); ok {
		return found, nil
	}
	entries, err := c.describe(ctx, path)
	if err != nil {
		return Kind{}, err
	}
	if found, ok := find(entries); ok {
		return found, nil
	}
	return Kind{}, &meta.NoKindMatchError{GroupKind: k.GroupKind(), SearchedVersions: []string{k.Version}}
}

func versionPath(v schema.GroupVersion) string {
	if v.Group == "" {
		return "/api/" + v.Version
	}
	return "/apis/" + v.Group + "/" + v.Version
}

// describe asks for the kinds of a group and version; none when the cluster does not have it.
func (c *Client) describe(ctx context.Context, path string) ([]entry, error) {
	var doc struct {
		Resources []entry `json:"resources"`
	}
	err := c.GetJSON(ctx, path, &doc)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds[path] = doc.Resources
	return doc.Resources, nil
}

type groupVersions struct {
	Name      string         `json:"name"`
	Preferred versionOfAPI   `json:"preferredVersion"`
	Versions  []versionOfAPI `json:"versions"`
}

type versionOfAPI struct {
	Version string `json:"version"`
}

func (c *Client) preferred(ctx context.Context, group string) (string, error) {
	if group == "" {
		return "v1", nil
	}
	var doc groupVersions
	if err := c.GetJSON(ctx, "/apis/"+group, &doc); err != nil && !apierrors.IsNotFound(err) {
		return "", err
	}
	return doc.Preferred.Version, nil
}

// Kinds returns every kind of the cluster in the version that it prefers. Groups of servers behind the server that do not answer are left
// out: their names are in silent.
func (c *Client) Kinds(ctx context.Context) (kinds []Kind, silent []string, err error) {
	var groups struct {
		Groups []groupVersions `json:"groups"`
	}
	if err := c.GetJSON(ctx, "/apis", &groups); err != nil {
		return nil, nil, err
	}
	versions := []schema.GroupVersion{{Version: "v1"}}
	for _, g := range groups.Groups {
		versions = append(versions, schema.GroupVersion{Group: g.Name, Version: g.Preferred.Version})
	}
	found := make([][]entry, len(versions))
	failed := make([]error, len(versions))
	Each(versions, func(i int, v schema.GroupVersion) { found[i], failed[i] = c.describe(ctx, versionPath(v)) })
	for i, v := range versions {
		if failed[i] != nil {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			silent = append(silent, v.String())
		}
		for _, e := range found[i] {
			if !strings.Contains(e.Name, "/") {
				kinds = append(kinds, Kind{v.WithKind(e.Kind), e.Name, e.Namespaced, e.Verbs})
			}
		}
	}
	return kinds, silent, nil
}

// GetJSON reads a document of the API that is no object.
func (c *Client) GetJSON(ctx context.Context, path string, into any) error {
	err := c.call(ctx, func(ctx context.Context) error { return c.getJSON(ctx, path, into) })
	return c.unreachable(err)
}

func (c *Client) getJSON(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath(path).String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	const most = 64 << 20
	body, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, into); err != nil {
			return fmt.Errorf("%s is not what an API server answers: %w", path, err)
		}
		return nil
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Kind == "Status" {
		return apierrors.FromObject(&status)
	}
	return apierrors.NewGenericServerResponse(response.StatusCode, "get", schema.GroupResource{}, path, string(body[:min(len(body), 200)]), 0, false)
}

package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Permission is something that a user may or may not do. "*" stands for all verbs, groups or resources.
type Permission struct{ Verb, Group, Resource, Namespace string }

// String says it for people.
func (p Permission) String() string {
	s := p.Verb + " " + schema.GroupResource{Group: p.Group, Resource: p.Resource}.String()
	if p.Namespace != "" {
		s += " in namespace " + p.Namespace
	}
	return s
}

var accessReviews = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}

// May asks whether this user may do something. See
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access.
func (c *Client) May(ctx context.Context, p Permission) (bool, error) {
	review := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]any{"verb": p.Verb, "group": p.Group, "resource": p.Resource, "namespace": p.Namespace}},
	}}
	var allowed bool
	err := c.call(ctx, func(ctx context.Context) error {
		answer, err := c.dynamic.Resource(accessReviews).Create(ctx, review, metav1.CreateOptions{})
		if err == nil {
			allowed, _, err = unstructured.NestedBool(answer.Object, "status", "allowed")
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("may this user %s: %w", p, c.unreachable(err))
	}
	return allowed, nil
}

// LogTail returns the last lines that a container wrote; those of its previous run when previous is set.
func (c *Client) LogTail(ctx context.Context, namespace, pod, container string, previous bool, lines int) (string, error) {
	var out []byte
	err := c.call(ctx, func(ctx context.Context) error {
		address := c.base.JoinPath("api/v1/namespaces", namespace, "pods", pod, "log")
		address.RawQuery = url.Values{"container": {container}, "previous": {strconv.FormatBool(previous)}, "tailLines": {strconv.Itoa(lines)}}.Encode()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
		if err != nil {
			return err
		}
		response, err := c.http.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("log of %s: %s", pod, response.Status)
		}
		out, err = io.ReadAll(io.LimitReader(response.Body, 64<<10))
		return err
	})
	return string(out), err
}

package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

const (
	rootConfigMap = "istio-ca-root-cert" // in every namespace: what workloads trust
	ownAuthority  = "istio-ca-secret"    // in the system namespace: the mesh's own root
	leasePrefix   = "istio-"
)

// removeRuntime takes away what the control plane made while it ran: the root in every namespace, its own authority, its leases. An
// authority that was plugged in stays: it is the user's.
func (i *Installer) removeRuntime(ctx context.Context) ([]Residue, error) {
	roots, err := i.Client.List(ctx, configMapKind, client.Selection{Fields: "metadata.name=" + rootConfigMap})
	if err != nil {
		return nil, err
	}
	leases, err := i.Client.List(ctx, schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"}, client.Selection{Namespace: i.Namespace})
	if err != nil {
		return nil, err
	}
	leases = slices.DeleteFunc(leases, func(l unstructured.Unstructured) bool { return !strings.HasPrefix(l.GetName(), leasePrefix) })
	secret, err := i.Client.Get(ctx, client.Ref{GroupVersionKind: secretKind, Namespace: i.Namespace, Name: ownAuthority})
	if err != nil {
		return nil, err
	}
	ids, live := []inventory.ID{}, map[inventory.ID]*unstructured.Unstructured{}
	add := func(u *unstructured.Unstructured) {
		id := inventory.IDOf(u)
		ids, live[id] = append(ids, id), u
	}
	for n := range roots {
		add(&roots[n])
	}
	for n := range leases {
		add(&leases[n])
	}
	if secret != nil {
		add(secret)
	}
	if err := i.delete(ctx, ids, live); err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		i.step(fmt.Sprintf("removed what the control plane made: %d root certificates, %d leases, %d authority", len(roots), len(leases), len(ids)-len(roots)-len(leases)))
	}
	return i.proxies(ctx)
}

var secretKind = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}

// proxies are the pods that still have a proxy: they go on with what they know, until they are made anew.
func (i *Installer) proxies(ctx context.Context) ([]Residue, error) {
	pods, err := i.Client.List(ctx, namespaceKind.GroupVersion().WithKind("Pod"), client.Selection{Labels: "security.istio.io/tlsMode=istio"})
	if err != nil || len(pods) == 0 {
		return nil, err
	}
	in := map[string]int{}
	var names []string
	for _, p := range pods {
		if in[p.GetNamespace()]++; in[p.GetNamespace()] == 1 {
			names = append(names, p.GetNamespace())
		}
	}
	slices.Sort(names)
	return []Residue{{
		What: fmt.Sprintf("proxies in %d pods (namespaces %s)", len(pods), joinComma(names)),
		Why:  "pods keep theirs until they are made anew: kubectl rollout restart deployment -n NAMESPACE",
	}}, nil
}

// removeNamespaces deletes the namespaces that were made by installing, unless somebody keeps something in them.
func (i *Installer) removeNamespaces(ctx context.Context, r Removal, end time.Time) ([]Residue, error) {
	var kept []Residue
	var failed []error
	for _, set := range r.sets {
		for id, origin := range set.Objects {
			if stageOf("", id.GroupKind) != stageNamespace || origin != inventory.Ours {
				continue
			}
			left, err := i.dropNamespace(ctx, id)
			switch {
			case err != nil:
				failed = append(failed, err)
			case len(left) > 0:
				kept = append(kept, Residue{id.String(), "others keep something in it: " + strings.Join(left, ", ")})
			default:
				if err := i.gone(ctx, end, []inventory.ID{id}); err != nil {
					failed = append(failed, err)
				} else {
					i.step(fmt.Sprintf("removed %s", id))
				}
			}
		}
	}
	return kept, errors.Join(failed...)
}

// dropNamespace deletes a namespace unless there is something in it that Kubernetes has not put there; that is returned.
func (i *Installer) dropNamespace(ctx context.Context, id inventory.ID) (left []string, err error) {
	live, err := i.Client.Get(ctx, id.Ref())
	if err != nil || live == nil {
		return nil, err
	}
	kinds, silent, err := i.Client.Kinds(ctx)
	if err != nil {
		return nil, err
	}
	for _, group := range silent {
		left = append(left, "whatever "+group+" has, which does not answer")
	}
	kinds = slices.DeleteFunc(kinds, func(k client.Kind) bool {
		return !k.Namespaced || !slices.Contains(k.Verbs, "list") || !slices.Contains(k.Verbs, "delete") || k.Kind == "Event"
	})
	found := make([][]unstructured.Unstructured, len(kinds))
	failed := make([]error, len(kinds))
	each(kinds, func(n int, k client.Kind) {
		found[n], failed[n] = i.Client.List(ctx, k.GroupVersionKind, client.Selection{Namespace: id.Name})
	})
	if err := errors.Join(compact(failed)...); err != nil {
		return nil, err
	}
	for _, list := range found {
		for n := range list {
			if !passing(&list[n]) {
				left = append(left, list[n].GetKind()+" "+list[n].GetName())
			}
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		return left, nil
	}
	return nil, i.Client.Delete(ctx, id.Ref(), live.GetUID())
}

// passing objects are those that Kubernetes puts into a namespace or makes from others, and that go with them.
func passing(u *unstructured.Unstructured) bool {
	switch {
	case len(u.GetOwnerReferences()) > 0, u.GetDeletionTimestamp() != nil:
		return true
	case u.GetKind() == "ConfigMap":
		return u.GetName() == "kube-root-ca.crt" || u.GetName() == rootConfigMap
	case u.GetKind() == "ServiceAccount":
		return u.GetName() == "default"
	case u.GetKind() == "Endpoints", u.GetKind() == "EndpointSlice": // of Services, which are listed themselves
		return true
	}
	return false
}

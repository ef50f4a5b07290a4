package install

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

// OldestKubernetes is the minor version of Kubernetes 1 that is needed at least.
const OldestKubernetes = 30

// OldError is the error of a cluster that is too old.
type OldError struct{ Version string }

func (e *OldError) Error() string {
	return fmt.Sprintf("the cluster runs Kubernetes %s, and meshctl needs 1.%d or later (sidecars as restartable init containers): upgrade the cluster first", e.Version, OldestKubernetes)
}

// check finds out whether an installation may begin, and reads what there is.
func (i *Installer) check(ctx context.Context, r Request, wanted []desired) (state, error) {
	if err := validRevision(r.Revision); err != nil {
		return state{}, err
	}
	if _, err := KubernetesVersion(ctx, i.Client); err != nil {
		return state{}, err
	}
	if err := Unrivalled(ctx, i.Client, i.Namespace); err != nil {
		return state{}, err
	}
	if err := i.permitted(ctx, wanted); err != nil {
		return state{}, err
	}
	return i.read(ctx, wanted)
}

var revisionName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,55}[a-z0-9])?$`)

// validRevision checks the name of a revision, which becomes part of names and the value of a label.
func validRevision(name string) error {
	switch {
	case name == "":
		return nil
	case name == inventory.Base:
		return fmt.Errorf("a revision cannot be called %q: that is what all revisions share", name)
	case !revisionName.MatchString(name):
		return fmt.Errorf("revision %q: a name has lower-case letters, digits and dashes, begins with a letter, and is at most 57 long, as in 1-2-0 written r1-2-0", name)
	}
	return nil
}

// KubernetesVersion returns the version of a cluster, such as "1.35.2", and an *OldError when it is too old.
func KubernetesVersion(ctx context.Context, c *client.Client) (string, error) {
	var v struct{ Major, Minor, GitVersion string }
	if err := c.GetJSON(ctx, "/version", &v); err != nil {
		return "", err
	}
	version := strings.TrimPrefix(v.GitVersion, "v")
	major, _ := strconv.Atoi(v.Major)
	minor, err := strconv.Atoi(strings.TrimRight(v.Minor, "+")) // some vendors add a plus
	if err == nil && (major < 1 || major == 1 && minor < OldestKubernetes) {
		return version, &OldError{version}
	}
	return version, nil
}

// rivals are the control planes beside which no other may be installed.
var rivals = []struct{ name, labels, remove string }{
	{"Istio", "app=istiod", "istioctl uninstall --purge"},
	{"Linkerd", "linkerd.io/control-plane-component=destination", "linkerd uninstall | kubectl delete -f -"},
}

// Unrivalled refuses clusters in which another mesh runs. Where this user may not look, only the system namespace is looked into.
func Unrivalled(ctx context.Context, c *client.Client, system string) error {
	for _, rival := range rivals {
		found, err := c.List(ctx, deploymentKind, client.Selection{Labels: rival.labels})
		if apierrors.IsForbidden(err) { // a permission that is needed in the system namespace at least, which is found out later
			found, err = c.List(ctx, deploymentKind, client.Selection{Namespace: system, Labels: rival.labels})
			if apierrors.IsForbidden(err) {
				continue
			}
		}
		if err != nil {
			return err
		}
		for n := range found {
			if !Ours(&found[n]) {
				return fmt.Errorf("%s is installed here (%s, which belongs to %s), and two meshes would take each other's pods: remove it first, as with `%s`",
					rival.name, client.RefOf(&found[n]), Owner(&found[n]), rival.remove)
			}
		}
	}
	return nil
}

// DeniedError is the error of a user who may not do what is needed.
type DeniedError struct{ Lacking []client.Permission }

func (e *DeniedError) Error() string {
	const most = 8
	var parts []string
	for n, p := range e.Lacking {
		if n == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(e.Lacking)-most))
			break
		}
		parts = append(parts, p.String())
	}
	return "this user may not do what is needed: " + strings.Join(parts, "; ") + ": install as a cluster administrator, or have these granted; nothing has been changed"
}

// permitted asks whether this user may do all that applying needs.
func (i *Installer) permitted(ctx context.Context, wanted []desired) error {
	objects := make([]*unstructured.Unstructured, len(wanted))
	for n, d := range wanted {
		objects[n] = d.object
	}
	lacking, err := Lacking(ctx, i.Client, i.Namespace, objects)
	if err == nil && len(lacking) > 0 {
		err = &DeniedError{lacking}
	}
	return err
}

// Lacking returns what applying objects needs and this user may not do. Administrators are asked after once.
func Lacking(ctx context.Context, c *client.Client, system string, objects []*unstructured.Unstructured) ([]client.Permission, error) {
	all, err := c.May(ctx, client.Permission{Verb: "*", Group: "*", Resource: "*"})
	if err != nil || all {
		return nil, err
	}
	var ask []client.Permission
	for _, o := range objects {
		kind, err := c.Kind(ctx, o.GroupVersionKind())
		if meta.IsNoMatchError(err) {
			continue // it is defined by this installation
		}
		if err != nil {
			return nil, err
		}
		for _, verb := range []string{"get", "create", "patch", "delete"} {
			p := client.Permission{Verb: verb, Group: kind.Group, Resource: kind.Resource, Namespace: o.GetNamespace()}
			if !slices.Contains(ask, p) {
				ask = append(ask, p)
			}
		}
	}
	for _, verb := range []string{"list", "create", "patch"} { // the inventories
		ask = append(ask, client.Permission{Verb: verb, Resource: "configmaps", Namespace: system})
	}
	denied := make([]bool, len(ask))
	failed := make([]error, len(ask))
	each(ask, func(n int, p client.Permission) {
		may, err := c.May(ctx, p)
		denied[n], failed[n] = !may, err
	})
	if err := errors.Join(compact(failed)...); err != nil {
		return nil, err
	}
	var lacking []client.Permission
	for n, p := range ask {
		if denied[n] && !slices.Contains(lacking, p) {
			lacking = append(lacking, p)
		}
	}
	return lacking, nil
}

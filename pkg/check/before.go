package check

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/meshctl/meshctl/pkg/install"
	"github.com/meshctl/meshctl/pkg/install/client"
)

func itoa(n int) string { return strconv.Itoa(n) }

var definitionKind = kind("apiextensions.k8s.io", "CustomResourceDefinition")

// Before are the checks to make before an installation.
func Before(c *Cluster) []Category {
	return []Category{
		{"Kubernetes API", []Check{
			{ID: "api-reachable", Title: "the API server answers", Needed: true, Run: c.reachable},
			{ID: "kubernetes-version", Title: "Kubernetes is recent enough", Run: c.recent},
		}},
		{"Before an installation", []Check{
			{ID: "permissions", Title: "this user may install", Run: c.permitted},
			{ID: "other-meshes", Title: "no other mesh is installed", Run: c.alone},
			{ID: "crd-owners", Title: "existing CRDs can be used", Run: c.definitions(false)},
			{ID: "gateway-api", Title: "the Gateway API is recent, where there is one", Run: c.gatewayAPI},
			{ID: "webhook-overlap", Title: "no two injectors take the same pods", Run: c.overlap},
		}},
	}
}

func (c *Cluster) reachable(ctx context.Context) Result {
	var v struct{ GitVersion string }
	if err := c.Client.GetJSON(ctx, "/version", &v); err != nil {
		return found(Error, nil, "look at the kubeconfig and its context, and whether the cluster runs", "%v", err)
	}
	return good("Kubernetes %s", strings.TrimPrefix(v.GitVersion, "v"))
}

func (c *Cluster) recent(ctx context.Context) Result {
	v, err := install.KubernetesVersion(ctx, c.Client)
	var old *install.OldError
	switch {
	case errors.As(err, &old):
		return found(Error, nil, "upgrade the cluster first", "it is Kubernetes %s, and 1.%d or later is needed", old.Version, install.OldestKubernetes)
	case err != nil:
		return Result{State: Skipped, Message: err.Error()}
	}
	return good("%s", v)
}

func (c *Cluster) permitted(ctx context.Context) Result {
	lacking, err := install.Lacking(ctx, c.Client, c.System, c.Wanted)
	if err != nil {
		return failure(err)
	}
	if len(lacking) == 0 {
		return Result{State: OK}
	}
	details := make([]string, len(lacking))
	for i, p := range lacking {
		details[i] = p.String()
	}
	return found(Error, few(details), "install as a cluster administrator, or have these granted", "this user lacks %s", plural(len(lacking), "permission", "permissions"))
}

func (c *Cluster) alone(ctx context.Context) Result {
	if err := install.Unrivalled(ctx, c.Client, c.System); err != nil {
		message, hint, _ := strings.Cut(err.Error(), ": ")
		return found(Error, nil, hint, "%s", message)
	}
	return Result{State: OK}
}

// definitions checks the CRDs that an installation has. After one they must be there.
func (c *Cluster) definitions(installed bool) func(context.Context) Result {
	return func(ctx context.Context) Result {
		live, err := c.list(ctx, definitionKind, client.Selection{})
		if err != nil {
			return unread(err)
		}
		byName := map[string]*unstructured.Unstructured{}
		for i := range live {
			byName[live[i].GetName()] = &live[i]
		}
		var missing, old, foreign []string
		for _, w := range c.Wanted {
			if w.GetKind() != "CustomResourceDefinition" {
				continue
			}
			have := byName[w.GetName()]
			switch {
			case have == nil:
				missing = append(missing, w.GetName())
			case len(install.LackingVersions(w, have)) > 0:
				old = append(old, w.GetName()+" lacks "+strings.Join(install.LackingVersions(w, have), ", ")+" and belongs to "+install.Owner(have))
			case !install.Ours(have):
				foreign = append(foreign, w.GetName()+" belongs to "+install.Owner(have))
			}
		}
		switch {
		case len(old) > 0:
			return found(Error, few(old), "have their owner bring them up to date, or delete them", "%s of another version", plural(len(old), "CRD is", "CRDs are"))
		case installed && len(missing) > 0:
			return found(Error, few(missing), "install them with `meshctl install`", "%s missing", plural(len(missing), "CRD is", "CRDs are"))
		case len(foreign) > 0:
			return found(Warning, few(foreign), "they are used as they are; their owner may change or remove them", "%s to somebody else", plural(len(foreign), "CRD belongs", "CRDs belong"))
		}
		return Result{State: OK}
	}
}

// oldestGatewayAPI is the first release whose Gateway and HTTPRoute are v1.
const oldestGatewayAPI = "1.0.0"

func (c *Cluster) gatewayAPI(ctx context.Context) Result {
	definition, err := c.Client.Get(ctx, client.Ref{GroupVersionKind: definitionKind, Name: "gateways.gateway.networking.k8s.io"})
	if err != nil {
		return unread(err)
	}
	if definition == nil {
		return good("not installed; needed only for Gateways and routes of its kinds")
	}
	text := definition.GetAnnotations()["gateway.networking.k8s.io/bundle-version"]
	v, err := version.ParseGeneric(text)
	if err != nil {
		return found(Warning, nil, "see https://gateway-api.sigs.k8s.io/guides/getting-started/", "its CRDs do not say their version")
	}
	if v.LessThan(version.MustParseGeneric(oldestGatewayAPI)) {
		return found(Warning, nil, "install a newer release of the Gateway API, see https://gateway-api.sigs.k8s.io/guides/getting-started/", "its CRDs are of %s, and %s is needed", text, oldestGatewayAPI)
	}
	return good("%s", text)
}

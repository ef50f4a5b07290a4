package install

import (
	"context"
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
	// deployedSelector is on everything that the control plane makes for Gateways of the Gateway API.
	deployedSelector = "gateway.istio.io/managed=istio.io-gateway-controller"
	gatewayLabel     = "gateway.networking.k8s.io/gateway-name"
	gatewayGroup     = "gateway.networking.k8s.io"
	// serverFlag is the proxy's flag that names its control plane: istiod-REVISION.NAMESPACE.svc.
	serverFlag = "--server-name="
)

// deployedKinds are those of which something is made for Gateways; the Deployment, which tells whose the others are, comes first.
func deployedKinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Group: "apps", Version: "v1", Kind: "Deployment"}, {Version: "v1", Kind: "Service"}, {Version: "v1", Kind: "ServiceAccount"},
		{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}, {Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
		{Group: gatewayGroup, Version: "v1", Kind: "GatewayClass"},
	}
}

// deployed finds what the control planes that go have deployed for Gateways of the Gateway API, and its class with the last of them. The
// Gateways are the users' and stay. So does what another revision or the control plane of another namespace deployed, which the proxies
// of the Gateway's Deployment tell; without a Deployment it goes with the last revision.
func (i *Installer) deployed(ctx context.Context, r Removal) ([]unstructured.Unstructured, error) {
	var out []unstructured.Unstructured
	goes, others := map[string]bool{}, false
	for _, kind := range deployedKinds() {
		found, err := i.Client.List(ctx, kind, client.Selection{Labels: deployedSelector})
		if err != nil {
			return nil, err
		}
		for _, u := range found {
			gateway := u.GetNamespace() + "/" + u.GetLabels()[gatewayLabel]
			if kind.Kind == "Deployment" {
				goes[gateway] = i.deployedBy(&u, r)
				others = others || !goes[gateway]
			}
			mine, known := goes[gateway]
			switch {
			case kind.Kind == "GatewayClass":
				mine = r.Last && !others
			case !ofGateway(&u):
				mine = false
			case !known:
				mine = r.Last
			}
			if mine {
				out = append(out, u)
			}
		}
	}
	return out, nil
}

// deployedBy reports whether a Gateway's Deployment was made by one of the control planes that go. With the last one go those of revisions
// that an interrupted uninstallation has forgotten already.
func (i *Installer) deployedBy(deployment *unstructured.Unstructured, r Removal) bool {
	template, _, _ := unstructured.NestedStringMap(deployment.Object, "spec", "template", "metadata", "labels")
	if !r.Last && !slices.Contains(r.Revisions, inventory.SetOf(template[revisionLabel])) {
		return false
	}
	containers, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	for _, c := range containers {
		container, _ := c.(map[string]any)
		args, _, _ := unstructured.NestedStringSlice(container, "args")
		for _, arg := range args {
			if server, is := strings.CutPrefix(arg, serverFlag); is {
				return strings.Contains(server+".", "."+i.Namespace+".svc.")
			}
		}
	}
	return false
}

// ofGateway reports whether an object is owned by a Gateway: the label alone may have been copied.
func ofGateway(u *unstructured.Unstructured) bool {
	for _, owner := range u.GetOwnerReferences() {
		if owner.Kind == "Gateway" && strings.HasPrefix(owner.APIVersion, gatewayGroup+"/") {
			return true
		}
	}
	return false
}

// removeDeployed takes away what was deployed for Gateways. It looks again: until it was gone itself, the control plane may have made more.
func (i *Installer) removeDeployed(ctx context.Context, r Removal, end time.Time) error {
	found, err := i.deployed(ctx, r)
	if err != nil || len(found) == 0 {
		return err
	}
	ids, live := make([]inventory.ID, len(found)), map[inventory.ID]*unstructured.Unstructured{}
	for n := range found {
		ids[n] = inventory.IDOf(&found[n])
		live[ids[n]] = &found[n]
	}
	if err := i.delete(ctx, ids, live); err != nil {
		return err
	}
	if err := i.gone(ctx, end, ids); err != nil {
		return err
	}
	for _, id := range ids {
		if err := i.podsGone(ctx, live[id], end); err != nil {
			return err
		}
	}
	i.step(fmt.Sprintf("removed what was deployed for Gateways of the Gateway API (%d), which stay", len(ids)))
	return nil
}

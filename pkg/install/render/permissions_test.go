package render

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/meshctl/meshctl/internal/status"
	"github.com/meshctl/meshctl/pkg/install/values"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// TestTheRoleHasWhatTheControlPlaneNeeds holds the chart to what the code reads and writes.
func TestTheRoleHasWhatTheControlPlaneNeeds(t *testing.T) {
	components, err := Render(load(t, values.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	var granted []rbacv1.PolicyRule
	for _, c := range components {
		for _, o := range c.Objects {
			var role rbacv1.ClusterRole
			if o.GetKind() != "ClusterRole" || c.Name != values.Pilot {
				continue
			}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
				t.Fatal(err)
			}
			granted = append(granted, role.Rules...)
		}
	}
	for _, need := range append(kube.Rules(mesh.Kinds()), status.Rules(mesh.Kinds())...) {
		for _, resource := range need.Resources {
			for _, verb := range need.Verbs {
				if !slices.ContainsFunc(granted, func(r rbacv1.PolicyRule) bool {
					return len(r.ResourceNames) == 0 && slices.Contains(r.APIGroups, need.APIGroups[0]) && slices.Contains(r.Verbs, verb) &&
						(slices.Contains(r.Resources, resource) || slices.Contains(r.Resources, "*"))
				}) {
					t.Errorf("the role does not let the control plane %s %s of %q", verb, resource, need.APIGroups[0])
				}
			}
		}
	}
}

// TestWithoutGatewayDeployments takes the rights with the work.
func TestWithoutGatewayDeployments(t *testing.T) {
	components, err := Render(load(t, values.Options{Profile: "minimal", Sets: []string{"values.pilot.env.PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER=false"}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range components {
		for _, o := range c.Objects {
			text, err := o.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if o.GetKind() == "ClusterRole" && strings.Contains(string(text), "deployments") {
				t.Error("the role may make Deployments")
			}
			if o.GetKind() == "Deployment" && !strings.Contains(string(text), `"--gateway-deployments=false"`) {
				t.Error("meshd is not told")
			}
		}
	}
}

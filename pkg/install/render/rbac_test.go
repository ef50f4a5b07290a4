package render

import (
	"slices"
	"strings"
	"testing"

	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/install/values"
)

// unread are the kinds that the control plane knows from files only; it may not read them in a cluster.
var unread = []config.Kind{
	config.Endpoints, config.ReplicaSet, config.StatefulSet, config.DaemonSet, config.Job, config.CronJob,
	config.NetworkPolicy,
}

// deployed are the kinds of which something is made for Gateways of the Gateway API.
var deployed = []config.Kind{config.ServiceAccount, config.Service, config.Deployment}

// TestControlPlaneMayReadWhatItNeeds goes through every kind that there is: those of a mesh may be read, all others may not.
func TestControlPlaneMayReadWhatItNeeds(t *testing.T) {
	var rules []rbac.PolicyRule
	components, err := Render(load(t, values.Options{Profile: "minimal"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range components[1].Objects {
		if o.GetKind() != "ClusterRole" {
			continue
		}
		var role rbac.ClusterRole
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
			t.Fatal(err)
		}
		rules = append(rules, role.Rules...)
	}
	for _, kind := range config.Kinds() {
		resource := plural(kind.Name)
		for _, verb := range []string{"get", "list", "watch"} {
			if got, want := allows(rules, kind.Group, resource, verb), !slices.Contains(unread, kind); got != want {
				t.Errorf("%s %s: allowed %v, want %v", verb, kind, got, want)
			}
		}
		for _, verb := range []string{"delete", "deletecollection", "*"} {
			if allows(rules, kind.Group, resource, verb) && (verb != "delete" || !slices.Contains(deployed, kind)) {
				t.Errorf("%s %s is allowed", verb, kind)
			}
		}
		// Only status is written of what users write; "create" of ConfigMaps is that of the root certificate.
		if slices.Contains(deployed, kind) {
			continue
		}
		for _, verb := range []string{"create", "update", "patch"} {
			if allows(rules, kind.Group, resource, verb) && kind != config.MutatingWebhook &&
				(kind != config.ConfigMap && kind != config.GatewayClass || verb != "create") {
				t.Errorf("%s %s is allowed", verb, kind)
			}
		}
		if strings.HasSuffix(kind.Group, ".istio.io") && !allows(rules, kind.Group, resource+"/status", "patch") {
			t.Errorf("the status of %s cannot be written", kind)
		}
	}
}

// plural is the name of a kind's resource.
func plural(kind string) string {
	guess, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Kind: kind})
	return strings.Replace(guess.Resource, "gatewaies", "gateways", 1)
}

// allows reports whether rules allow a verb on all objects of a resource, whatever their names.
func allows(rules []rbac.PolicyRule, group, resource, verb string) bool {
	return slices.ContainsFunc(rules, func(r rbac.PolicyRule) bool {
		return len(r.ResourceNames) == 0 && slices.Contains(r.APIGroups, group) && slices.Contains(r.Verbs, verb) &&
			(slices.Contains(r.Resources, resource) || slices.Contains(r.Resources, "*") && !strings.Contains(resource, "/"))
	})
}

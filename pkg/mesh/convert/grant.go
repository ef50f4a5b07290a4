package convert

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// granted reports whether the object may refer to something: in its own namespace always, in another one where a ReferenceGrant there
// says so.
func (c *converter) granted(kind config.Kind, namespace, name string) bool {
	if namespace == c.namespace() {
		return true
	}
	own := c.object.Key.Kind
	for _, o := range c.world.In(config.ReferenceGrant, namespace) {
		g, ok := o.Spec.(*gatewayv1.ReferenceGrant)
		if ok && grantsFrom(g, own, c.namespace()) && grantsTo(g, kind, name) {
			return true
		}
	}
	return false
}

func grantsFrom(g *gatewayv1.ReferenceGrant, kind config.Kind, namespace string) bool {
	for _, f := range g.Spec.From {
		if string(f.Group) == kind.Group && string(f.Kind) == kind.Name && string(f.Namespace) == namespace {
			return true
		}
	}
	return false
}

func grantsTo(g *gatewayv1.ReferenceGrant, kind config.Kind, name string) bool {
	for _, t := range g.Spec.To {
		if coreGroup(string(t.Group)) == kind.Group && string(t.Kind) == kind.Name && (t.Name == nil || *t.Name == "" || string(*t.Name) == name) {
			return true
		}
	}
	return false
}

// coreGroup is the group that people may write for the core group.
func coreGroup(group string) string {
	if group == "core" {
		return ""
	}
	return group
}

func (c *converter) grantFix(kind config.Kind, namespace string) string {
	return "create a ReferenceGrant in the namespace " + namespace + " from " + c.object.Key.Kind.Name + " in " + c.namespace() + " to " + kind.Name
}

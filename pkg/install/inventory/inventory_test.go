package inventory_test

import (
	"testing"

	"github.com/fluxcd/cli-utils/pkg/object"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshctl/meshctl/pkg/install/inventory"
)

func TestKeysAreThoseOfCliUtils(t *testing.T) {
	for _, id := range []inventory.ID{
		{GroupKind: schema.GroupKind{Group: "apps", Kind: "Deployment"}, Namespace: "istio-system", Name: "istiod"},
		{GroupKind: schema.GroupKind{Kind: "Namespace"}, Name: "istio-system"},
		{GroupKind: schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}, Name: "mesh:reader:all"},
		{GroupKind: schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}, Name: "gateways.networking.istio.io"},
	} {
		theirs := object.ObjMetadata{Namespace: id.Namespace, Name: id.Name, GroupKind: id.GroupKind}
		if id.Key() != theirs.String() {
			t.Errorf("%q, theirs %q", id.Key(), theirs)
		}
		if back, err := inventory.ParseKey(id.Key()); err != nil || back != id {
			t.Errorf("%v, %v", back, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("istio-system_istiod_apps_Deployment")
	f.Add("_a__b_rbac.authorization.k8s.io_Role")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := inventory.ParseKey(s)
		theirs, wrong := object.ParseObjMetadata(s)
		if err != nil || wrong != nil {
			return
		}
		if id.Namespace != theirs.Namespace || id.Kind != theirs.GroupKind.Kind || id.Group != theirs.GroupKind.Group || id.Name != theirs.Name {
			t.Errorf("%q: %+v, theirs %+v", s, id, theirs)
		}
	})
}

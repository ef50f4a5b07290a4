package status

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

func TestFieldsWithinAPath(t *testing.T) {
	for field, want := range map[string]bool{"spec.listeners[1]": true, "spec.listeners[1].tls": true, "spec.listeners[10]": false, "spec.listeners": false} {
		if got := len(errorsOf([]config.Problem{{Field: field, Severity: config.Error}}, "spec.listeners[1]")) == 1; got != want {
			t.Errorf("%s: %v", field, got)
		}
	}
}

func TestAnObjectThatTookAnothersPlaceIsTold(t *testing.T) {
	u := Update{Status: map[string]any{"conditions": []any{}}}
	one := &config.Object{Spec: &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{UID: "1"}}}
	other := &config.Object{Spec: &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{UID: "2"}}}
	if again := digestOf(u, one); again != digestOf(u, one) || digestOf(u, one) == digestOf(u, other) {
		t.Error("what was written to an object that is gone counts for the one of its name")
	}
}

package install_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshctl/meshctl/pkg/install"
	"github.com/meshctl/meshctl/pkg/install/client"
)

func TestFieldsOfOthersAreNotOverwritten(t *testing.T) {
	before := listing(t)
	controllers{}.run(t)
	i := installer(t, dial(t, client.Options{}))
	apply(t, i, small(t, "one"))
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"discovery","image":"mine"}]}}}}`)
	if _, err := raw(t).Resource(deployments).Namespace(system).Patch(t.Context(), "istiod", types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	written := listing(t)
	_, err := i.Apply(t.Context(), small(t, "two"))
	var conflict *install.ConflictError
	if !errors.As(err, &conflict) || !strings.Contains(err.Error(), `Deployment istio-system/istiod: kubectl-edit using apps/v1 has set spec.template.spec.containers[name="discovery"].image`) || !strings.Contains(err.Error(), "--force-conflicts") {
		t.Errorf("%v", err)
	}
	same(t, written, listing(t))
	r := small(t, "two")
	r.Force = true
	apply(t, i, r)
	purge(t, before)
}

func TestObjectsOfOthersAreNotTakenOver(t *testing.T) {
	controllers{}.run(t)
	before := listing(t)
	text := "apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: theirs}\n---\n" + strings.Split(smallBase, "\n---\n")[0]
	if err := shared.Apply(t.Context(), []byte(text)); err != nil {
		t.Fatal(err)
	}
	theirs := listing(t)
	i := installer(t, dial(t, client.Options{}))
	_, err := i.Apply(t.Context(), small(t, "one"))
	var foreign *install.ForeignError
	if !errors.As(err, &foreign) || !strings.Contains(err.Error(), "ConfigMap istio-system/istio is there already and belongs to field manager test: ") {
		t.Errorf("%v", err)
	}
	same(t, theirs, listing(t))
	r := small(t, "one")
	r.Adopt, r.Components[0].Objects = true, r.Components[0].Objects[1:] // the definition stays theirs
	apply(t, i, r)
	r = small(t, "one")
	result := apply(t, i, r)
	if len(result.Found) != 1 || result.Found[0].ID.Name != "toys.mesh.test" || result.Found[0].Owner != "field manager test" {
		t.Errorf("%+v", result.Found)
	}
	removal, err := i.Removal(t.Context(), install.Selected{All: true, Purge: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Uninstall(t.Context(), removal, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	delete(theirs, "ConfigMap istio-system/istio") // which was adopted
	same(t, theirs, listing(t))
	for _, err := range []error{
		raw(t).Resource(definitions).Delete(t.Context(), "toys.mesh.test", metav1.DeleteOptions{}),
		raw(t).Resource(namespaces).Delete(t.Context(), system, metav1.DeleteOptions{}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for tick := time.NewTicker(30 * time.Millisecond); len(listing(t)) > len(before); <-tick.C {
	}
}

func TestAtomicInstallationsRestoreWhatWasThere(t *testing.T) {
	before := listing(t)
	stall := make(chan struct{})
	controllers{stall: func(name string) bool {
		select {
		case <-stall:
			return name == "istiod"
		default:
			return false
		}
	}}.run(t)
	i := installer(t, dial(t, client.Options{}))
	apply(t, i, small(t, "one"))
	installed := listing(t)
	close(stall)
	r := small(t, "two")
	r.Atomic, r.Timeout = true, 2*time.Second
	_, err := i.Apply(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "not ready after 2s: Deployment istio-system/istiod") || !strings.HasSuffix(err.Error(), "what was there before is restored") {
		t.Errorf("%v", err)
	}
	same(t, installed, listing(t))
	// What was restored is ours as it was: going on from there meets no conflict.
	r = small(t, "three")
	r.Wait, r.Components = false, r.Components[:2]
	apply(t, i, r)
	purge(t, before)
	r = small(t, "four")
	r.Atomic, r.Timeout = true, 2*time.Second
	if _, err := i.Apply(t.Context(), r); err == nil || !strings.HasSuffix(err.Error(), "what was there before is restored") {
		t.Errorf("%v", err)
	}
	same(t, before, listing(t))
}

func TestUsersResourcesStay(t *testing.T) {
	before := listing(t)
	controllers{}.run(t)
	i := installer(t, dial(t, client.Options{}))
	apply(t, i, small(t, "one"))
	runtime := `apiVersion: mesh.test/v1
kind: Toy
metadata: {name: users, namespace: default}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-ca-root-cert, namespace: default}
---
apiVersion: v1
kind: Secret
metadata: {name: istio-ca-secret, namespace: istio-system}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: istio-leader, namespace: istio-system}`
	if err := shared.Apply(t.Context(), []byte(runtime)); err != nil {
		t.Fatal(err)
	}
	removal, err := i.Removal(t.Context(), install.Selected{All: true})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := i.Uninstall(t.Context(), removal, 10*time.Second)
	if err != nil || len(kept) != 1 || !strings.HasPrefix(kept[0].What, "1 CustomResourceDefinitions with 1 resources of users") {
		t.Errorf("%v %+v", err, kept)
	}
	var left []string
	for name := range listing(t) {
		if _, was := before[name]; !was {
			left = append(left, name)
		}
	}
	if slices.Sort(left); !slices.Equal(left, []string{"CustomResourceDefinition toys.mesh.test", "Toy default/users"}) {
		t.Errorf("%v", left)
	}
	purge(t, before)
}

func TestTagsMoveNamespacesBetweenRevisions(t *testing.T) {
	before := listing(t)
	controllers{}.run(t)
	if err := shared.Apply(t.Context(), []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/rev: prod}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: old, labels: {istio-injection: enabled}}")); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, name := range []string{"shop", "old"} {
			_ = raw(t).Resource(namespaces).Delete(context.Background(), name, metav1.DeleteOptions{})
		}
	}()
	steps := []struct {
		args []string
		code int
		want string // of both outputs
	}{
		{[]string{"install", "-y", "--profile", "minimal"}, 0, "revision default is installed"},
		{[]string{"install", "-y", "--profile", "minimal", "--revision", "canary"}, 0, "revision canary is installed"},
		{[]string{"tag", "set", "prod", "--revision", "none"}, 1, "revision none is not installed in istio-system (installed: canary, default)"},
		{[]string{"tag", "set", "prod", "--revision", "default"}, 0, "namespaces shop follow"},
		{[]string{"tag", "set", "prod", "--revision", "canary"}, 1, "tag prod points to revision default: the tag is taken: move it with --overwrite"},
		{[]string{"tag", "set", "prod", "--revision", "canary", "--overwrite"}, 0, "tag prod points to revision canary"},
		{[]string{"tag", "set", "default", "--revision", "canary"}, 0, "namespaces old follow"},
		{[]string{"tag", "list"}, 0, "default   canary     old\nprod      canary     shop\n"},
		{[]string{"install", "-y", "--profile", "minimal"}, 0, "0 objects created, 0 changed"},
		{[]string{"uninstall", "-y"}, 2, "there are several revisions (canary, default)"},
	}
	for _, s := range steps {
		run := meshctl(t, s.args...)
		if run.code != s.code || !strings.Contains(run.out+run.errOut, s.want) {
			t.Errorf("%v: exit %d\n%s%s", s.args, run.code, run.out, run.errOut)
		}
	}
	if text := normal(global(t, mutating, "istio-sidecar-injector")); strings.Count(text, "never-match") != 4 {
		t.Errorf("the injector of the default revision does not stand back: %s", text)
	}
	if text := normal(global(t, validating, "istiod-default-validator")); !strings.Contains(text, "istiod-canary") {
		t.Errorf("the validator of the tag default: %s", text)
	}
	if run := meshctl(t, "uninstall", "--revision", "canary", "-y"); run.code != 0 {
		t.Errorf("exit %d\n%s", run.code, run.errOut)
	}
	if text := normal(global(t, mutating, "istio-sidecar-injector")); strings.Contains(text, "never-match") {
		t.Errorf("the injector of the default revision still stands back: %s", text)
	}
	if run := meshctl(t, "tag", "list", "-o", "json"); strings.TrimSpace(run.out) != "[]" {
		t.Errorf("tags of a revision that is gone: %s", run.out)
	}
	if run := meshctl(t, "uninstall", "--purge", "-y"); run.code != 0 {
		t.Errorf("exit %d\n%s", run.code, run.errOut)
	}
	for _, name := range []string{"shop", "old"} {
		_ = raw(t).Resource(namespaces).Delete(context.Background(), name, metav1.DeleteOptions{})
	}
	for tick := time.NewTicker(30 * time.Millisecond); len(listing(t)) > len(before); <-tick.C {
	}
	same(t, before, listing(t))
}

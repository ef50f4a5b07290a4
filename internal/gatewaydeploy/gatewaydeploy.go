// Package gatewaydeploy says what is deployed for the Gateways of the Gateway API: a Deployment with a proxy, the Service in front of it and
// its ServiceAccount, as https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#automated-deployment documents. It
// computes and does no I/O.
package gatewaydeploy

import (
	"cmp"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// Names that are Istio's or the Gateway API's.
const (
	// ManagedLabel is on everything that is made for a Gateway, with Managed as its value.
	ManagedLabel = "gateway.istio.io/managed"
	Managed      = "istio.io-gateway-controller"

	classLabel     = "gateway.networking.k8s.io/gateway-class-name"
	nameAnnotation = "gateway.istio.io/name-override"
	userAnnotation = "gateway.istio.io/service-account"
	typeAnnotation = "networking.istio.io/service-type"
	reservedPrefix = "gateway.networking.k8s.io/"
)

// Input is what the deployments depend on.
type Input struct {
	Mesh     *mesh.Snapshot
	Settings inject.Settings
	// Revision of the control plane, whose proxies are deployed.
	Revision string
	// Mine reports whether a revision or a tag is this control plane's; nil: every one is.
	Mine func(revision string) bool
}

// Deployment is what belongs to one Gateway of this control plane.
type Deployment struct {
	Gateway config.Key
	// Objects are what is to be there, in the order in which they are to be made: none when the Gateway is served by proxies that somebody
	// deployed by hand.
	Objects []*unstructured.Unstructured
	// Problem says why Objects cannot be computed: what is there stays. Warnings name what has no effect.
	Problem  string
	Warnings []string
}

// Of returns the deployments of all Gateways of this mesh and control plane, in the order of their names.
func Of(in Input) []Deployment {
	var out []Deployment
	for _, o := range in.Mesh.Set().Sorted(config.K8sGateway) {
		g, ok := o.Spec.(*gatewayv1.Gateway)
		if !ok || g.DeletionTimestamp != nil || !ours(in.Mesh.Set(), g) || !in.mine(o) {
			continue
		}
		d := Deployment{Gateway: o.Key}
		if convert.Automated(g) {
			b := builder{Input: in, gateway: g, key: o.Key, meta: o.Meta}
			var err error
			if d.Objects, err = b.objects(); err != nil {
				d.Problem = err.Error()
			}
			d.Warnings = b.warnings
		}
		out = append(out, d)
	}
	return out
}

// Stamp changes when Of may return something else for another set of objects and the same settings.
func Stamp(set config.Set) (out config.Digest) {
	mix := func(d config.Digest) {
		for i, b := range d {
			out[i] ^= b
		}
	}
	for _, kind := range []config.Kind{config.K8sGateway, config.GatewayClass, config.ListenerSet, config.ConfigMap, config.ProxyConfig, config.Namespace} {
		for o := range set.All(kind) {
			mix(o.Digest)
			if g, ok := o.Spec.(*gatewayv1.Gateway); ok { // who owns what is deployed: another one of the same name is not the same
				mix(digest.Of(string(g.UID)))
			}
		}
	}
	return out
}

// ours reports whether a Gateway is of a class that is deployed for. Waypoints belong to ambient mode.
func ours(set config.Set, g *gatewayv1.Gateway) bool {
	name := string(g.Spec.GatewayClassName)
	o := set.Get(config.Key{Kind: config.GatewayClass, Name: name})
	if o == nil {
		return name == convert.ClassName
	}
	class, ok := o.Spec.(*gatewayv1.GatewayClass)
	return ok && class.Spec.ControllerName == convert.Controller
}

// mine reports whether the Gateway is this control plane's: by its own label, that of its namespace, or for want of one.
func (in Input) mine(o *config.Object) bool {
	if in.Mine == nil {
		return true
	}
	return in.Mine(cmp.Or(o.Meta.Labels[inject.RevisionLabel], in.Mesh.NamespaceLabels(o.Key.Namespace)[inject.RevisionLabel], "default"))
}

// builder makes the objects of one Gateway.
type builder struct {
	Input
	gateway *gatewayv1.Gateway
	key     config.Key
	meta    config.Meta

	warnings []string
}

// name of the objects: GATEWAY-CLASS unless an annotation gives another one.
func (b *builder) name() string {
	return cmp.Or(b.meta.Annotations[nameAnnotation], b.gateway.Name+"-"+string(b.gateway.Spec.GatewayClassName))
}

func (b *builder) account() string { return cmp.Or(b.meta.Annotations[userAnnotation], b.name()) }

func (b *builder) objects() ([]*unstructured.Unstructured, error) {
	for _, value := range []string{b.gateway.Name, string(b.gateway.Spec.GatewayClassName)} {
		if len(value) > validation.LabelValueMaxLength {
			return nil, fmt.Errorf("%q is longer than the %d characters of a label, by which its proxies are known", value, validation.LabelValueMaxLength)
		}
	}
	if wrong := validation.IsDNS1035Label(b.name()); len(wrong) > 0 {
		return nil, fmt.Errorf("%q cannot be the name of a Service (%s): give another one in annotation %s", b.name(), wrong[0], nameAnnotation)
	}
	if wrong := validation.IsDNS1123Subdomain(b.account()); len(wrong) > 0 {
		return nil, fmt.Errorf("%q cannot be the name of a ServiceAccount (%s): give another one in annotation %s", b.account(), wrong[0], userAnnotation)
	}
	patches, err := b.patches()
	if err != nil {
		return nil, err
	}
	deployment, err := b.deployment()
	if err != nil {
		return nil, err
	}
	service, err := b.service()
	if err != nil {
		return nil, err
	}
	all := []part{{"serviceAccount", b.serviceAccount()}, {"service", service}, {"deployment", deployment}}
	if _, asked := patches["horizontalPodAutoscaler"]; asked {
		all = append(all, part{"horizontalPodAutoscaler", b.autoscaler()})
	}
	if _, asked := patches["podDisruptionBudget"]; asked {
		all = append(all, part{"podDisruptionBudget", b.budget()})
	}
	out := make([]*unstructured.Unstructured, 0, len(all))
	for _, p := range all {
		u, err := p.patched(patches[p.key])
		if err != nil {
			return nil, err
		}
		b.own(u)
		out = append(out, u)
	}
	return out, nil
}

// own makes an object one of the Gateway, whatever patches say: what users may write of it must not reach into other namespaces, nor make
// it somebody else's.
func (b *builder) own(u *unstructured.Unstructured) {
	name := b.name()
	if u.GetKind() == "ServiceAccount" {
		name = b.account()
	}
	u.SetName(name)
	u.SetNamespace(b.key.Namespace)
	labels := u.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, b.marks())
	u.SetLabels(labels)
	u.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: "gateway.networking.k8s.io/v1", Kind: "Gateway", Name: b.gateway.Name, UID: b.gateway.UID,
	}})
	delete(u.Object, "status")
	for _, field := range []string{"creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "generateName", "finalizers"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(u.Object, "spec", "template", "metadata", "creationTimestamp")
}

// marks are the labels by which what belongs to the Gateway is known.
func (b *builder) marks() map[string]string {
	return map[string]string{
		convert.LabelGatewayName: b.gateway.Name, classLabel: string(b.gateway.Spec.GatewayClassName), ManagedLabel: Managed,
	}
}

// labels are those of every object: the infrastructure's and the marks.
func (b *builder) labels() map[string]string {
	out := map[string]string{}
	if i := b.gateway.Spec.Infrastructure; i != nil {
		for k, v := range i.Labels {
			if !strings.HasPrefix(string(k), reservedPrefix) {
				out[string(k)] = string(v)
			}
		}
	}
	maps.Copy(out, b.marks())
	return out
}

func (b *builder) annotations() map[string]string {
	out := map[string]string{}
	if i := b.gateway.Spec.Infrastructure; i != nil {
		for k, v := range i.Annotations {
			switch key := string(k); {
			case strings.HasPrefix(key, reservedPrefix), key == corev1.LastAppliedConfigAnnotation, key == nameAnnotation, key == userAnnotation:
			default:
				out[key] = string(v)
			}
		}
	}
	return out
}

func (b *builder) objectMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: b.key.Namespace, Labels: b.labels(), Annotations: b.annotations()}
}

func (b *builder) selector() map[string]string {
	return map[string]string{convert.LabelGatewayName: b.gateway.Name}
}

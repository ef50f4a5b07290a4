package mesh

import (
	"fmt"
	"slices"

	networking "istio.io/api/networking/v1alpha3"
	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// Labels by which the proxies of a Gateway API Gateway are known.
const (
	labelGatewayName  = "gateway.networking.k8s.io/gateway-name"
	labelGatewayClass = "gateway.networking.k8s.io/gateway-class-name"
)

// Attached are the objects of one kind that hold for one proxy: those of the root namespace first, then those of its own; of
// each, the oldest first, then by name.
type Attached []*config.Object

// attachment is an object that says itself for which proxies it holds: by a selector, by target references, or for its whole
// namespace. In the root namespace it holds for the whole mesh.
type attachment struct {
	object *config.Object
	// selectors: one of them must match; nil holds for every proxy, an empty list for none.
	selectors []map[string]string
	// account is the service account of the proxies; "" is any.
	account string
	// local: in the root namespace, too, it holds for its own namespace only.
	local bool
}

// shapingKinds shape clusters, routes and outbound listeners: two proxies for which different ones hold share no scope. What else
// is attached concerns a proxy's own listeners only.
func shapingKinds() []config.Kind {
	return []config.Kind{config.EnvoyFilter, config.Telemetry, config.WasmPlugin, config.TrafficExtension}
}

// Attached returns the objects of a kind that hold for a proxy. Kinds are EnvoyFilter, Telemetry, WasmPlugin, AuthorizationPolicy,
// TrafficExtension, RequestAuthentication and ProxyConfig; of others there are none. See Istio's reference on workload selectors and target references.
func (s *Snapshot) Attached(kind config.Kind, p Proxy) Attached { return s.attachedTo(kind, p) }

func (t *tables) attachedTo(kind config.Kind, p Proxy) Attached {
	var out Attached
	root := t.root()
	for _, a := range t.attached.get(kindIn{kind, root}) {
		if (!a.local || p.Namespace == root) && a.holdsFor(p) {
			out = append(out, a.object)
		}
	}
	if p.Namespace == root {
		return out
	}
	for _, a := range t.attached.get(kindIn{kind, p.Namespace}) {
		if a.holdsFor(p) {
			out = append(out, a.object)
		}
	}
	return out
}

func (a *attachment) holdsFor(p Proxy) bool {
	if a.account != "" && a.account != p.ServiceAccount {
		return false
	}
	return a.selectors == nil || slices.ContainsFunc(a.selectors, func(s map[string]string) bool { return Selects(s, p.Labels) })
}

// kindIn is the objects of a kind in a namespace.
type kindIn struct {
	kind      config.Kind
	namespace string
}

// readAttached takes in a changed object that holds for proxies.
func (t *update) readAttached(d delta) {
	key := d.key()
	at := kindIn{key.Kind, key.Namespace}
	list := without(t.attached.get(at), func(a *attachment) bool { return a.object.Key == key })
	if d.after != nil {
		a, problems := parseAttachment(d.after)
		_, more := ExtensionOf(d.after)
		problems = append(problems, more...)
		t.report(key, append(problems, checkAuthz(d.after)...))
		list = insert(list, a, func(a, b *attachment) int { return older(a.object, b.object) })
	}
	setList(&t.attached, at, list)
	if d.before != nil && d.after != nil && d.before.Digest == d.after.Digest {
		return
	}
	t.useCredential(pullSecrets(d.before), key, false)
	t.useCredential(pullSecrets(d.after), key, true)
	namespace := key.Namespace
	if namespace == t.root() {
		namespace = ""
	}
	t.change.Inbound[namespace] = true
	if slices.Contains(shapingKinds(), key.Kind) {
		t.change.Rekey[namespace] = true
	}
}

// selecting and targeting are the ways in which Istio's kinds say what they hold for.
type (
	selecting interface {
		GetSelector() *typev1beta1.WorkloadSelector
	}
	selectingByLabels interface {
		GetWorkloadSelector() *networking.WorkloadSelector
	}
	targeting interface {
		GetTargetRefs() []*typev1beta1.PolicyTargetReference
	}
	targetingOne interface {
		GetTargetRef() *typev1beta1.PolicyTargetReference
	}
)

// SelectorOf returns the labels of the workloads that an object says itself to hold for; none for one that holds for a namespace, or that names
// its targets otherwise.
func SelectorOf(o *config.Object) map[string]string {
	switch spec := o.Spec.(type) {
	case selecting:
		return spec.GetSelector().GetMatchLabels()
	case selectingByLabels:
		return spec.GetWorkloadSelector().GetLabels()
	}
	return nil
}

func parseAttachment(o *config.Object) (*attachment, []config.Problem) {
	a := &attachment{object: o}
	if o.Key.Derived() {
		a.account, a.local = o.Meta.Annotations[convert.NoteAccount], true
	}
	if labels := SelectorOf(o); len(labels) > 0 {
		a.selectors = append(a.selectors, labels)
	}
	var problems []config.Problem
	target := func(field string, ref *typev1beta1.PolicyTargetReference) {
		labels, problem := targetLabels(o, field, ref)
		if problem != nil {
			problems = append(problems, *problem)
			a.selectors = append([]map[string]string{}, a.selectors...)
			return
		}
		a.local = a.local || ref.GetKind() == config.K8sGateway.Name
		a.selectors = append(a.selectors, labels)
	}
	if spec, ok := o.Spec.(targetingOne); ok && spec.GetTargetRef() != nil {
		target("spec.targetRef", spec.GetTargetRef())
	}
	if spec, ok := o.Spec.(targeting); ok {
		for i, ref := range spec.GetTargetRefs() {
			target(fmt.Sprintf("spec.targetRefs[%d]", i), ref)
		}
	}
	return a, problems
}

// targetLabels are the labels of the proxies that a target reference means.
func targetLabels(o *config.Object, field string, ref *typev1beta1.PolicyTargetReference) (map[string]string, *config.Problem) {
	refuse := func(message, fix string) (map[string]string, *config.Problem) {
		p := problem(o, config.Error, field, message, fix)
		return nil, &p
	}
	switch kind := (config.Kind{Group: ref.GetGroup(), Name: ref.GetKind()}); {
	case ref.GetNamespace() != "" && ref.GetNamespace() != o.Key.Namespace:
		return refuse("a target in another namespace ("+ref.GetNamespace()+") is not allowed", "put the object into the target's namespace")
	case kind == config.K8sGateway:
		return map[string]string{labelGatewayName: ref.GetName()}, nil
	case kind == config.GatewayClass:
		return map[string]string{labelGatewayClass: ref.GetName()}, nil
	default:
		return refuse("a "+ref.GetKind()+" as the target needs a waypoint proxy, which this mesh does not have; nothing is selected",
			"use spec.selector.matchLabels with the labels of the workloads")
	}
}

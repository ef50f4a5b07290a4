package topology

import "maps"

// Folds say how much of a graph is one node: a level for all of it, and others for single namespaces and services. The zero value leaves a
// graph as it is. Folds are values: Fold and Unfold return others.
type Folds struct {
	Level Level
	own   map[string]Level // by NAMESPACE and NAMESPACE/SERVICE
}

// level is that of a workload of a service. A namespace that is one node hides what its services are.
func (f Folds) level(namespace, service string) Level {
	level := f.Level
	if l, ok := f.own[namespace]; ok {
		level = l
	}
	if l, ok := f.own[namespace+"/"+service]; ok && level != ByNamespace {
		return l
	}
	return level
}

func (f Folds) with(key string, l Level) Folds {
	own := maps.Clone(f.own)
	if own == nil {
		own = map[string]Level{}
	}
	own[key] = l
	return Folds{f.Level, own}
}

// Fold makes a node of the folded graph a part of a larger one: a workload of its service, a service of its namespace. It returns the id of that;
// ok is false for what is part of nothing.
func (f Folds) Fold(n Node) (out Folds, id string, ok bool) {
	switch {
	case n.Namespace == "" || n.Kind == External || n.Kind == Unmeshed || n.Kind == NamespaceKind:
		return f, n.ID, false
	case n.Service == "" || f.level(n.Namespace, n.Service) == ByService:
		return f.with(n.Namespace, ByNamespace), namespaceID(n.Namespace), true
	}
	return f.with(n.Namespace+"/"+n.Service, ByService), serviceID(n), true
}

// FoldNamespace makes all of a namespace one node, or takes that back: then its services are as they were before.
func (f Folds) FoldNamespace(namespace string) Folds {
	if f.level(namespace, "") != ByNamespace {
		return f.with(namespace, ByNamespace)
	}
	return f.with(namespace, min(f.Level, ByService))
}

// Unfold shows what a node of the folded graph is made of; ok is false for one that is no part of it.
func (f Folds) Unfold(n Node) (out Folds, ok bool) {
	switch {
	case n.Kind == NamespaceKind && f.level(n.Name, "") == ByNamespace:
		return f.FoldNamespace(n.Name), true
	case n.Kind != NamespaceKind && f.level(n.Namespace, n.Service) == ByService && n.ID == serviceID(n):
		return f.with(n.Namespace+"/"+n.Service, ByWorkload), true
	}
	return f, false
}

func namespaceID(namespace string) string { return string(NamespaceKind) + "/" + namespace }

// serviceID is that of all workloads of a node's service together.
func serviceID(n Node) string { return string(n.Kind) + "/" + n.Namespace + "/" + n.Service }

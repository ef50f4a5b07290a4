package config

import "time"

// Meta is the part of metav1.ObjectMeta that the mesh reads. Its maps must not be changed.
type Meta struct {
	Labels, Annotations map[string]string
	// Created decides between conflicting objects: the oldest wins, as Istio documents. Zero in files that do not state it.
	Created         time.Time
	ResourceVersion string
	Generation      int64
}

// Object is one decoded document. Objects are immutable once emitted: an edited object is a new *Object.
type Object struct {
	Key        Key
	APIVersion string // as written, e.g. "networking.istio.io/v1beta1"
	Meta       Meta
	// Spec is a pointer to the kind's Go type. For istio.io kinds it is the spec message of istio.io/api
	// (*networking.VirtualService from istio.io/api/networking/v1alpha3, *security.PeerAuthentication from
	// istio.io/api/security/v1beta1, ...); for kinds of Kubernetes and the Gateway API the whole object
	// (*corev1.Service, *corev1.ConfigMap, ...).
	Spec any
	// Conditions are those of the status of an istio.io kind; of other kinds they are in Spec. They are not part of Digest.
	Conditions []Condition
	// Digest is the hash of everything in the object that can influence configuration: key, labels,
	// annotations, creation time and content, but not position, layout or comments.
	Digest Digest

	source *document
}

// Digest is a 128-bit content hash.
type Digest [16]byte

// Position says where something is written. Line and Column count from 1; a zero Line means that only the file is
// known, an empty File that the object did not come from a file (then Origin of the source, e.g. a cluster, is all
// there is).
type Position struct {
	File         string
	Line, Column int
}

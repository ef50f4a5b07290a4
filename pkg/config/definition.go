package config

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Definition is what the mesh reads of a CustomResourceDefinition: which versions of a kind a cluster has. The rest of it is the
// API server's business.
type Definition struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              DefinitionSpec `json:"spec"`
}

// DefinitionSpec is the body of a Definition.
type DefinitionSpec struct {
	Versions []DefinitionVersion `json:"versions"`
}

// DefinitionVersion is one version of a kind.
type DefinitionVersion struct {
	Name string `json:"name"`
}

package config

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// MeshConfigObject reads the mesh-wide configuration from a file of its own: a MeshConfig as YAML or JSON, or a ConfigMap whose key "mesh"
// holds one. It returns it as the ConfigMap of which DecodeMeshConfig reads it, the one of the given system namespace, whatever the file's
// is called. Positions lead to the file. It is an error when there is none, or when it is no YAML; single fields are DecodeMeshConfig's.
func MeshConfigObject(name string, data []byte, systemNamespace string) (*Object, error) {
	if most := (Limits{}).withDefaults().DocumentBytes; len(data) > most {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, most)
	}
	key := Key{Kind: ConfigMap, Namespace: systemNamespace, Name: MeshConfigName}
	docs := split(name, data)
	if looksLikeJSON(name, data) {
		docs = splitJSON(name, data)
	}
	if len(docs) == 1 {
		docs[0].depth = Limits{}.withDefaults().Depth
		root, failed := docs[0].parse()
		switch {
		case failed != nil:
			return nil, fmt.Errorf("%s: %s", docs[0].position(failed.line, failed.column), failed.message)
		case root == nil || resolve(root).Kind != yaml.MappingNode:
			return nil, fmt.Errorf("%s: is no MeshConfig: must be a mapping", name)
		}
		if h := readHead(resolve(root)); h.apiVersion == "" && h.kind == "" {
			return plainMeshConfig(docs[0], key), nil
		}
	}
	result := Decoder{DefaultNamespace: systemNamespace}.DecodeBytes(name, data)
	for _, o := range result.Objects {
		if cm, ok := o.Spec.(*corev1.ConfigMap); ok && cm.Data[MeshConfigKey] != "" {
			object := *o
			object.Key = key
			_, problems := DecodeMeshConfig(&object)
			return New(object), unreadable(problems)
		}
	}
	if err := unreadable(result.Problems); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s: holds neither a MeshConfig nor a ConfigMap with the key %q", name, MeshConfigKey)
}

func plainMeshConfig(doc *document, key Key) *Object {
	doc.start = doc.position(1, 1)
	doc.standsAt = meshConfigPath()
	spec := &corev1.ConfigMap{Data: map[string]string{MeshConfigKey: string(doc.data)}}
	spec.Namespace, spec.Name = key.Namespace, key.Name
	return New(Object{Key: key, APIVersion: "v1", Spec: spec, source: doc})
}

func unreadable(problems []Problem) error {
	for _, p := range problems {
		if p.Code == codes.Unreadable {
			return errors.New(p.Error())
		}
	}
	return nil
}

func meshConfigPath() []step {
	return []step{{name: "data"}, {name: MeshConfigKey, isKey: true, index: -1}}
}

// Package config reads the configuration of a mesh: the objects of Istio's API, of Kubernetes, of the Gateway API and of
// the Service Mesh Interface, in YAML or JSON, and holds them in immutable sets.
//
// Decoding is strict, as kubectl --validate=strict is: an unknown field, a value of a wrong type or a repeated key is a
// Problem that says where it stands and what to write instead, and leaves that one object out. Every decoded Object knows
// where it and each of its fields is written. Documents of foreign API groups pass in silence.
package config

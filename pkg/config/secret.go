package config

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// finishSecret folds stringData into data, as the API server does.
func finishSecret(object any) {
	s := object.(*corev1.Secret)
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for k, v := range s.StringData {
		s.Data[k] = []byte(v)
	}
	s.StringData = nil
}

// String returns the key and the position: never the content, which may be a Secret's.
func (o Object) String() string {
	if at := o.Position().String(); at != "" {
		return o.Key.String() + " (" + at + ")"
	}
	return o.Key.String()
}

// Format prints the object as String does, whatever the verb: %+v and %#v would otherwise print Secrets.
func (o Object) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(o.String())) }

// LogValue logs the object as String does.
func (o Object) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalJSON writes the object as a Kubernetes document. The values of a Secret read "REDACTED".
func (o Object) MarshalJSON() ([]byte, error) {
	group, _ := splitAPIVersion(o.APIVersion)
	if o.APIVersion == "" || o.Key.Kind.Group != group { // built without an apiVersion
		if e := knownKinds().kinds[o.Key.Kind]; e != nil {
			o.APIVersion = e.preferred()
		}
	}
	meta := metav1.ObjectMeta{
		Namespace: o.Key.Namespace, Name: o.Key.Name, Labels: o.Meta.Labels, Annotations: o.Meta.Annotations,
		CreationTimestamp: metav1.NewTime(o.Meta.Created), ResourceVersion: o.Meta.ResourceVersion, Generation: o.Meta.Generation,
	}
	switch spec := o.Spec.(type) {
	case proto.Message:
		body, err := protojson.Marshal(spec)
		if err != nil {
			return nil, err
		}
		return json.Marshal(struct {
			APIVersion string            `json:"apiVersion"`
			Kind       string            `json:"kind"`
			Metadata   metav1.ObjectMeta `json:"metadata"`
			Spec       json.RawMessage   `json:"spec"`
		}{o.APIVersion, o.Key.Kind.Name, meta, body})
	case *corev1.Secret:
		return json.Marshal(struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        metav1.ObjectMeta `json:"metadata"`
			Type            corev1.SecretType `json:"type,omitempty"`
			Data            map[string]string `json:"data,omitempty"`
		}{metav1.TypeMeta{APIVersion: o.APIVersion, Kind: o.Key.Kind.Name}, meta, spec.Type, redact(spec)})
	default:
		return json.Marshal(spec)
	}
}

func redact(s *corev1.Secret) map[string]string {
	out := map[string]string{}
	for k := range s.Data {
		out[k] = "REDACTED"
	}
	for k := range s.StringData {
		out[k] = "REDACTED"
	}
	return out
}

// MarshalYAML writes what MarshalJSON writes.
func (o Object) MarshalYAML() (any, error) {
	data, err := o.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var out any
	err = json.Unmarshal(data, &out)
	return out, err
}

package config

import (
	"math"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// structCompiler compiles Go structs to schemas by their json tags, as encoding/json reads them.
type structCompiler struct {
	done  map[reflect.Type]*schema
	enums map[reflect.Type][]string
}

func newStructCompiler() *structCompiler {
	return &structCompiler{done: map[reflect.Type]*schema{}, enums: structEnums()}
}

func (c *structCompiler) compile(t reflect.Type) *schema {
	if t.Kind() == reflect.Pointer {
		return c.compile(t.Elem())
	}
	if s := c.done[t]; s != nil {
		return s
	}
	if s := specialType(t); s != nil {
		return s
	}
	switch t.Kind() {
	case reflect.Struct:
		s := &schema{kind: objectValue}
		c.done[t] = s
		c.addFields(s, t)
		return s.seal()
	case reflect.Map:
		return &schema{kind: mapValue, elem: c.compile(t.Elem())}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return &schema{kind: bytesValue}
		}
		return &schema{kind: listValue, elem: c.compile(t.Elem())}
	case reflect.String:
		if words := c.enums[t]; words != nil {
			s := &schema{kind: enumValue, enum: words, emptyOK: true}
			if t == reflect.TypeFor[corev1.Protocol]() {
				s.otherwise = "TCP, with appProtocol for what runs on top"
			}
			return s
		}
		return &schema{kind: stringValue}
	default:
		return numberSchema(t)
	}
}

func numberSchema(t reflect.Type) *schema {
	switch t.Kind() {
	case reflect.Bool:
		return &schema{kind: boolValue}
	case reflect.Float32, reflect.Float64:
		return &schema{kind: floatValue}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		bits := t.Bits()
		return &schema{kind: intValue, min: math.MinInt64 >> (64 - bits), max: math.MaxInt64 >> (64 - bits)}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &schema{kind: intValue, max: math.MaxUint64 >> (64 - t.Bits())}
	default:
		return &schema{kind: anyValue}
	}
}

func (c *structCompiler) addFields(s *schema, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case f.Anonymous && name == "":
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			c.addFields(s, embedded)
		default:
			if name == "" {
				name = f.Name
			}
			s.addField(&field{name: name, schema: c.compile(f.Type)})
		}
	}
}

// specialType returns the schema of a type with its own JSON form, or nil.
func specialType(t reflect.Type) *schema {
	switch t {
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		return &schema{kind: timeValue}
	case reflect.TypeFor[metav1.Duration](), reflect.TypeFor[gatewayv1.Duration]():
		return &schema{kind: rawDurationValue}
	case reflect.TypeFor[resource.Quantity]():
		return &schema{kind: quantityValue}
	case reflect.TypeFor[intstr.IntOrString]():
		return &schema{kind: intOrStringValue}
	case reflect.TypeFor[SMIHeaders]():
		return &schema{kind: anyValue}
	case reflect.TypeFor[metav1.FieldsV1](), reflect.TypeFor[runtime.RawExtension]():
		return &schema{kind: anyObjectValue}
	default:
		return nil
	}
}

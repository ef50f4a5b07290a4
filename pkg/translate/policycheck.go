package translate

import (
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// CheckRequestAuthentication returns what is wrong with a RequestAuthentication whatever else there is, as the translation tells it for
// every workload that it holds for. Of a key set without keys, which takes no token and which Istio accepts, there is nothing to say.
func CheckRequestAuthentication(o *config.Object) []config.Problem {
	if _, ok := o.Spec.(*security.RequestAuthentication); !ok {
		return nil
	}
	_, list := jwtRules(mesh.Attached{o}, func(string) *mesh.ScopedService { return nil })
	list = slices.DeleteFunc(list, func(p config.Problem) bool {
		return strings.HasSuffix(p.Field, ".jwks") && strings.HasPrefix(p.Message, noKeys)
	})
	return placed(o, list)
}

// CheckTelemetry returns what is wrong with the expressions, tags and samples of a Telemetry whatever else there is.
func CheckTelemetry(o *config.Object) []config.Problem {
	spec, ok := o.Spec.(*telemetry.Telemetry)
	if !ok {
		return nil
	}
	m := &telemetryMerge{config: &mesh.Config{}, levels: mesh.Attached{o}, notes: &problems{}}
	m.metrics()
	m.notes.object = o.Key
	for i, l := range spec.GetAccessLogging() {
		m.filter(l.GetFilter(), field("spec.accessLogging", i))
	}
	for i, t := range spec.GetTracing() {
		at := field("spec.tracing", i)
		m.usableTags(t.GetCustomTags(), at+".customTags")
		if v := t.GetRandomSamplingPercentage(); v.GetValue() < 0 || v.GetValue() > 100 {
			m.notes.failAs(codes.SchemaError, at+".randomSamplingPercentage", "a percentage is from 0 to 100", "for example 1.0")
		}
	}
	return placed(o, m.notes.list)
}

// placed adds where the fields are written.
func placed(o *config.Object, list []config.Problem) []config.Problem {
	for i := range list {
		list[i].Position = o.FieldPosition(list[i].Field)
	}
	return list
}

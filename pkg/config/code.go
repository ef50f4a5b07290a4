package config

// Code names a kind of problem for good: IST and four digits where Istio's analyzers have the same complaint
// (https://istio.io/latest/docs/reference/config/analysis/), MSH and four digits otherwise.
type Code string

// The codes. What each means is in Codes.
const (
	Deprecated        Code = "IST0002"
	SchemaError       Code = "IST0106"
	Unreadable        Code = "MSH0001"
	NameTaken         Code = "MSH0002"
	FieldIgnored      Code = "MSH0101"
	FieldRefused      Code = "MSH0102"
	UnresolvedWarning Code = "MSH0201"
	UnresolvedError   Code = "MSH0202"
	UntranslatedPart  Code = "MSH0301"
	UntranslatedError Code = "MSH0302"
)

// CodeInfo explains a code.
type CodeInfo struct {
	Code        Code
	Severity    Severity // what most problems of this code have
	Title       string
	Explanation string
}

// Codes returns the table of all codes, in their order.
func Codes() []CodeInfo {
	return []CodeInfo{
		{Deprecated, Warning, "Deprecated", "The field, or the value, is one that Istio replaced. Most still work; the problem says so where one does not, and names what to write instead."},
		{SchemaError, Error, "Schema validation error", "The document is not what its kind's schema allows: an unknown field, a value of the wrong type, a name that Kubernetes refuses. An object with such an error is left out."},
		{Unreadable, Error, "Unreadable", "A file or document cannot be read as YAML or JSON, or exceeds a limit. What it said before stays in force where that is known."},
		{NameTaken, Error, "Name taken", "Two documents define the same object. One of them counts."},
		{FieldIgnored, Warning, "Field without effect", "The field belongs to the API, but this mesh does not act on it. The rest of the object is in force."},
		{FieldRefused, Error, "Field refused", "Istio refuses an object that sets this field, or sets it to this value, and so does this mesh: the object is left out."},
		{UnresolvedWarning, Warning, "Not as meant", "The object refers to something that does not exist or does not fit, or another object takes precedence over it."},
		{UnresolvedError, Error, "Cannot be resolved", "The object, or the named part of it, contradicts itself or the mesh and is left out."},
		{UntranslatedPart, Warning, "Expressed otherwise", "Envoy cannot do exactly what the field asks for; the problem says what it does instead."},
		{UntranslatedError, Error, "Cannot be expressed", "Envoy would refuse what the field asks for; the named part is left out, the rest is in force."},
	}
}

// LookupCode returns what the table says of a code.
func LookupCode(code Code) (CodeInfo, bool) {
	for _, info := range Codes() {
		if info.Code == code {
			return info, true
		}
	}
	return CodeInfo{}, false
}

// bySeverity is the code of a layer's problems that have none of their own.
func bySeverity(severity Severity, warning, failure Code) Code {
	if severity == Error {
		return failure
	}
	return warning
}

// Unresolved returns the code of a problem found while resolving objects against each other.
func Unresolved(severity Severity) Code {
	return bySeverity(severity, UnresolvedWarning, UnresolvedError)
}

// Untranslated returns the code of a problem found while expressing objects in Envoy's terms.
func Untranslated(severity Severity) Code {
	return bySeverity(severity, UntranslatedPart, UntranslatedError)
}

// withCode gives a code to the problems that have none.
func withCode(problems []Problem, code Code) []Problem {
	for i := range problems {
		if problems[i].Code == "" {
			problems[i].Code = code
		}
	}
	return problems
}

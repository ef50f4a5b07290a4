package codes

// The codes of documents as such: syntax, schema, identity, and what the resolver and the translation find without a code of their own.
const (
	Deprecated        Code = "IST0002"
	SchemaError       Code = "IST0106"
	SchemaWarning     Code = "IST0133"
	Unreadable        Code = "MSH0001"
	NameTaken         Code = "MSH0002"
	UnknownField      Code = "MSH0003"
	UnknownKind       Code = "MSH0004"
	FieldIgnored      Code = "MSH0101"
	UnresolvedWarning Code = "MSH0201"
	UnresolvedError   Code = "MSH0202"
	UntranslatedPart  Code = "MSH0301"
	UntranslatedError Code = "MSH0302"
	EnvoyRefuses      Code = "MSH0303"
)

func schema() []Description {
	return []Description{
		{Deprecated, Warning, "Deprecated",
			"The field, or the value, is one that Istio replaced. Most still work; the finding says so where one does not.",
			"Use what the finding names instead."},
		{SchemaError, Error, "Invalid",
			"The document is not what its kind allows: a value of a wrong type or out of range, a contradiction, a name that Kubernetes refuses. The object, or the named part, is left out.",
			"Correct the field."},
		{SchemaWarning, Warning, "Questionable",
			"The document is allowed, but a part of it has no effect, or not the one that it seems to have.",
			"Follow the finding, or remove the part."},
		{Unreadable, Error, "Unreadable",
			"A file or document cannot be read as YAML or JSON, or exceeds a limit. What it said before stays in force where that is known.",
			"Correct the text at the place that is named."},
		{NameTaken, Error, "Object defined twice",
			"Two documents define the same object. The later one counts, as if they were applied one after the other.",
			"Remove one, or rename it."},
		{UnknownField, Error, "Unknown field",
			"The kind has no field of that name. Kubernetes drops it in silence or refuses the object; here the object is left out.",
			"Use the name that the finding suggests."},
		{UnknownKind, Error, "Unknown kind or version",
			"The document belongs to an API group of the mesh, but the group has no such kind, or not in that version. Documents of foreign groups pass.",
			"Correct kind or apiVersion."},
		{FieldIgnored, Warning, "Field without effect",
			"The field belongs to the API, but this mesh does not act on it. The rest of the object is in force.",
			"Remove the field, or do without its effect."},
		{UnresolvedWarning, Warning, "Not as meant",
			"The object refers to something that does not fit, or another object takes precedence over it.",
			"Follow the finding."},
		{UnresolvedError, Error, "Cannot be resolved",
			"The object, or the named part of it, contradicts the rest of the mesh and is left out.",
			"Follow the finding."},
		{UntranslatedPart, Warning, "Expressed otherwise",
			"Envoy cannot do exactly what the field asks for; the finding says what it does instead.",
			"Follow the finding."},
		{UntranslatedError, Error, "Cannot be expressed",
			"Envoy would refuse what the field asks for; the named part is left out, the rest is in force.",
			"Follow the finding."},
		{EnvoyRefuses, Error, "Refused by Envoy",
			"The real Envoy was given the configuration that would be generated, and refused it.",
			"Follow Envoy's words, which the finding quotes."},
	}
}

package config

import "github.com/meshctl/meshctl/pkg/config/codes"

// Code names a kind of problem for good; see package codes.
type Code = codes.Code

// bySeverity is the code of a layer's problems that have none of their own.
func bySeverity(severity Severity, warning, failure Code) Code {
	if severity == Error {
		return failure
	}
	return warning
}

// Unresolved returns the code of a problem found while resolving objects against each other.
func Unresolved(severity Severity) Code {
	return bySeverity(severity, codes.UnresolvedWarning, codes.UnresolvedError)
}

// Untranslated returns the code of a problem found while expressing objects in Envoy's terms.
func Untranslated(severity Severity) Code {
	return bySeverity(severity, codes.UntranslatedPart, codes.UntranslatedError)
}

// withCode gives a code to the problems that have none.
func withCode(problems []Problem, code Code) {
	for i := range problems {
		if problems[i].Code == "" {
			problems[i].Code = code
		}
	}
}

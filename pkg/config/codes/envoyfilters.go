package codes

// The codes of EnvoyFilters.
const (
	RelativeWithoutPriority Code = "IST0151"
	WrongReplace            Code = "IST0152"
	WrongAdd                Code = "IST0153"
	WrongRemove             Code = "IST0154"
	RelativeWithVersion     Code = "IST0155"
	PatchMatchesNothing     Code = "MSH0801"
)

func envoyFilters() []Description {
	return []Description{
		{RelativeWithoutPriority, Warning, "Relative operation without a priority",
			"",
			""},
		{WrongReplace, Error, "REPLACE where it has no effect",
			"",
			""},
		{WrongAdd, Error, "ADD where it has no effect",
			"",
			""},
		{WrongRemove, Error, "REMOVE where it has no effect",
			"",
			""},
		{RelativeWithVersion, Warning, "Relative operation with proxyVersion",
			"",
			""},
		{PatchMatchesNothing, Warning, "Patch matches nothing",
			"",
			""},
	}
}

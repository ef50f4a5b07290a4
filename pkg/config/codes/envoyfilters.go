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
			"The patch does something to, or relative to, a filter or an object that must be there already (INSERT_BEFORE, INSERT_AFTER, REPLACE, REMOVE), and the EnvoyFilter has no priority. Which of several EnvoyFilters comes first then hangs on when they were created, and the patch may find nothing to be relative to.",
			"Set spec.priority, or use ADD or INSERT_FIRST."},
		{WrongReplace, Error, "REPLACE where it has no effect",
			"REPLACE is defined for HTTP_FILTER, NETWORK_FILTER and VIRTUAL_HOST. Elsewhere it does not do what it says.",
			"Use MERGE to change what is there, or REMOVE and ADD."},
		{WrongAdd, Error, "ADD where it has no effect",
			"ADD is documented to be ignored where applyTo is ROUTE_CONFIGURATION or HTTP_ROUTE. Do not rely on it.",
			"Use MERGE, or INSERT_FIRST for a route; add whole virtual hosts with applyTo: VIRTUAL_HOST."},
		{WrongRemove, Error, "REMOVE where it has no effect",
			"REMOVE is documented to be ignored where applyTo is ROUTE_CONFIGURATION or HTTP_ROUTE. Do not rely on it.",
			"Use MERGE to change what is there, or remove the virtual host with applyTo: VIRTUAL_HOST."},
		{RelativeWithVersion, Warning, "Relative operation with proxyVersion",
			"The patch is relative to what must be there already, holds only for some versions of the proxy, and the EnvoyFilter has no priority. After an upgrade the versions, and with them the order of EnvoyFilters, may be others, and the patch may no longer be applied.",
			"Set spec.priority, or use ADD or INSERT_FIRST."},
		{PatchMatchesNothing, Warning, "Patch matches nothing",
			"The configuration was generated for the proxies that the EnvoyFilter is for, and the patch found nothing in any of it that its match describes. It has no effect.",
			"Correct the part of match that the finding names, or remove the patch."},
	}
}

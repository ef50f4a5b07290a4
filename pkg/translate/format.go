package translate

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	withoutqueryv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/formatter/req_without_query/v3"
)

// Formats of access logs, tags and header values hold commands that Envoy substitutes (Envoy's documentation, "Substitution formatter"). One
// that it does not know, or with an argument that it does not understand, makes it refuse the whole listener or route configuration.

// withoutQuery is a command that access logs alone know, by an extension that has to be named beside the format.
const withoutQuery = "REQ_WITHOUT_QUERY"

// commandForm matches what stands behind the percent sign of a command: name, argument, length. An argument ends where the command can.
var commandForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?s)^([A-Z0-9_]+)(\((.*?)\))?(:[0-9]{1,6})?%`)
})

// cutCommand cuts the command off that a text begins with, behind its first percent sign: "REQ(A)% b" gives "REQ(A)" and " b". It reports
// whether Envoy understands it.
func cutCommand(after string) (command, rest string, known bool) {
	m := commandForm().FindStringSubmatch(after)
	if m == nil {
		return "", "", false
	}
	command, rest = m[0][:len(m[0])-1], after[len(m[0]):]
	name, argument, given, short := m[1], m[3], m[2] != "", m[4] != ""
	if name == "CEL" {
		return command, rest, given && expressionProblem(argument) == ""
	}
	if lone()[name] {
		return command, rest, !given && !short
	}
	for _, a := range withArguments()[name] {
		if given != a.none && a.form.MatchString(argument) && (a.lengths || !short) {
			return command, rest, true
		}
	}
	return command, rest, false
}

// commandsOf returns what is wrong with a format; empty when nothing is.
func commandsOf(format string) string {
	for rest := format; ; {
		_, after, found := strings.Cut(rest, "%")
		if !found {
			return ""
		}
		if strings.HasPrefix(after, "%") {
			rest = after[1:]
			continue
		}
		_, tail, known := cutCommand(after)
		if !known {
			command, _, _ := strings.Cut(after, "%")
			return "it has a command that Envoy does not know: %" + command
		}
		rest = tail
	}
}

// logCommands does the same for a format of access logs.
func logCommands(format string) string {
	return commandsOf(strings.ReplaceAll(format, "%"+withoutQuery+"(", "%REQ("))
}

// formatters are the extensions that the formats in a message need.
func formatters(message fmt.Stringer) []*corev3.TypedExtensionConfig {
	if !strings.Contains(message.String(), "%"+withoutQuery+"(") {
		return nil
	}
	return []*corev3.TypedExtensionConfig{{Name: "envoy.formatter.req_without_query", TypedConfig: pack(&withoutqueryv3.ReqWithoutQuery{})}}
}

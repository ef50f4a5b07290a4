// Package coverage says of every field of Istio's API what becomes of it here: it is translated for Envoy (and a test
// with a live Envoy shows it), it is rejected (and whoever sets it is told so), or it does not apply.
//
// The table is the text files of this folder, one line for each field of every message that the configuration can hold:
//
//	package istio.networking.v1alpha3
//	HTTPRoute.retries                  translated test/traffic.TestRetries test/traffic.TestVirtualService/backoff
//	HTTPRoute.mirrorPercent            rejected IST0002 replaced long ago (fix: use mirrorPercentage)
//	Gateway.x                          n/a read by the CLI only
//	LoadBalancerSettings.simple=RANDOM rejected MSH0101 ...
//
// Messages are relative to the package above them, fields have the names that people write (JSON names), and =VALUE
// names one value of an enumeration, or true of a bool, which needs no line unless it differs from its field's. A test is the
// folder of its package, a dot, its function and, after slashes, the names of its subtests with underscores for spaces.
// The code of a rejected field stands in config.Codes; config's decoder reports it for every object that sets the field.
package coverage

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"sync"
)

//go:embed *.txt
var files embed.FS

// Status is what becomes of a field.
type Status string

// The statuses, as the files write them.
const (
	Translated    Status = "translated"
	Rejected      Status = "rejected"
	NotApplicable Status = "n/a"
)

// Line is what the table says of one field, or of one value of it.
type Line struct {
	File    string // without .txt, e.g. "virtualservice"
	Message string // full name, e.g. "istio.networking.v1alpha3.HTTPRoute"
	Field   string // JSON name
	Value   string // of an enumeration, or "true"; empty for the field as a whole
	Status  Status
	Tests   []string // of a translated field
	Code    string   // of a rejected field
	Reason  string   // of a field that is not translated
	Fix     string   // what to write instead; may be empty
}

// Key is how lines are found: "istio.networking.v1alpha3.HTTPRoute.retries", "....LoadBalancerSettings.simple=RANDOM".
func (l Line) Key() string { return Key(l.Message, l.Field, l.Value) }

// Key makes the key of a field, or of a value of it.
func Key(message, field, value string) string {
	key := message + "." + field
	if value != "" {
		key += "=" + value
	}
	return key
}

// Table returns all lines, by file and in the files' order. The error names the file and line that cannot be read.
func Table() ([]Line, error) {
	names, err := fs.Glob(files, "*.txt")
	if err != nil {
		return nil, err
	}
	var all []Line
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		lines, err := parse(strings.TrimSuffix(name, ".txt"), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	return all, nil
}

// RejectedFields returns the rejected lines by key. It must not be changed. It is empty when the table cannot be read, which
// the tests of this package exclude.
var RejectedFields = sync.OnceValue(func() map[string]Line {
	out := map[string]Line{}
	all, err := Table()
	if err != nil {
		return out
	}
	for _, l := range all {
		if l.Status == Rejected {
			out[l.Key()] = l
		}
	}
	return out
})

func parse(file, text string) ([]Line, error) {
	var out []Line
	pkg, n := "", 0
	for text := range strings.Lines(text) {
		n++
		text, _, _ = strings.Cut(" "+text, " #")
		words := strings.Fields(text)
		switch {
		case len(words) == 0:
			continue
		case words[0] == "package" && len(words) == 2:
			pkg = words[1]
			continue
		}
		l, err := parseLine(pkg, words)
		if err != nil {
			return nil, fmt.Errorf("%s.txt:%d: %w", file, n, err)
		}
		l.File = file
		out = append(out, l)
	}
	return out, nil
}

func parseLine(pkg string, words []string) (Line, error) {
	if len(words) < 2 {
		return Line{}, fmt.Errorf("want a field, a status and what explains it")
	}
	name, value, _ := strings.Cut(words[0], "=")
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || pkg == "" {
		return Line{}, fmt.Errorf("%s is no field of a message of a package", words[0])
	}
	l := Line{Message: pkg + "." + name[:dot], Field: name[dot+1:], Value: value, Status: Status(words[1])}
	rest := words[2:]
	switch l.Status {
	case Translated:
		l.Tests = rest
		if len(rest) == 0 {
			return l, fmt.Errorf("a translated field names its test")
		}
		return l, nil
	case Rejected:
		if len(rest) < 2 {
			return l, fmt.Errorf("a rejected field has a code and a reason")
		}
		l.Code, rest = rest[0], rest[1:]
	case NotApplicable:
		if len(rest) == 0 {
			return l, fmt.Errorf("a field that does not apply has a reason")
		}
	default:
		return l, fmt.Errorf("unknown status %q", words[1])
	}
	var fix string
	l.Reason, fix, _ = strings.Cut(strings.Join(rest, " "), " (fix: ")
	l.Fix = strings.TrimSuffix(fix, ")")
	return l, nil
}

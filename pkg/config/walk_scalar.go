package config

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
)

func (w *walker) scalar(n *yaml.Node, s *schema) bool {
	switch s.kind {
	case stringValue:
		return w.text(n)
	case boolValue:
		return w.boolean(n, s)
	case intValue:
		return w.integer(n, s)
	case floatValue:
		return w.float(n, s)
	case enumValue:
		return w.enum(n, s)
	case durationValue, rawDurationValue:
		return w.duration(n, s)
	case intOrStringValue:
		if n.ShortTag() == "!!int" {
			return w.integer(n, &schema{kind: intValue, min: math.MinInt32, max: math.MaxInt32})
		}
		return w.text(n)
	case quantityValue:
		if _, err := resource.ParseQuantity(n.Value); err != nil {
			return w.wrong(n, s.describe(), "")
		}
	case timeValue:
		if _, err := time.Parse(time.RFC3339, n.Value); err != nil {
			return w.wrong(n, s.describe(), "")
		}
	case bytesValue:
		if _, err := base64.StdEncoding.DecodeString(n.Value); err != nil || isNull(n) {
			return w.wrong(n, s.describe(), "")
		}
	}
	w.out = appendString(w.out, n.Value)
	return true
}

// text takes what YAML reads as text; also a bare date, which JSON has no other type for.
func (w *walker) text(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!null":
		return w.wrong(n, "text", "")
	case "!!bool", "!!int", "!!float":
		if !w.tolerant {
			return w.wrong(n, "text: put it in quotes", strconv.Quote(n.Value))
		}
		w.problem(n, Warning, "should be text, is read as "+quote(n.Value), strconv.Quote(n.Value))
	}
	w.out = appendString(w.out, n.Value)
	return true
}

// boolean also takes yes, no, on and off, which YAML 1.1 (and with it kubectl) reads so.
func (w *walker) boolean(n *yaml.Node, s *schema) bool {
	plain := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	switch lower := strings.ToLower(n.Value); {
	case plain && slices.Contains([]string{"true", "yes", "on", "y"}, lower):
		if line, found := s.rejected["true"]; found {
			w.rejection(n, "has no effect: ", line)
		}
		w.out = append(w.out, "true"...)
	case plain && slices.Contains([]string{"false", "no", "off", "n"}, lower):
		w.out = append(w.out, "false"...)
	case lower == "true" || lower == "false":
		return w.wrong(n, "true or false without quotes", lower)
	default:
		return w.wrong(n, s.describe(), "")
	}
	return true
}

// integerText is a whole number of up to 64 bits with its sign.
type integerText struct {
	negative bool
	size     uint64
}

func (v integerText) append(out []byte) []byte {
	if v.negative {
		out = append(out, '-')
	}
	return strconv.AppendUint(out, v.size, 10)
}

func (v integerText) within(s *schema) bool {
	if !v.negative || v.size == 0 {
		return v.size <= s.max
	}
	return s.min < 0 && v.size <= uint64(-(s.min+1))+1
}

// parseInt reads YAML's spellings of whole numbers: 42, 0x2a, 0o52, 052, 1_000.
func parseInt(text string) (integerText, bool) {
	digits := strings.TrimPrefix(text, "+")
	digits, negative := strings.CutPrefix(digits, "-")
	size, err := strconv.ParseUint(digits, 0, 64)
	return integerText{negative, size}, err == nil
}

func parseFloat(text string) (float64, error) {
	return strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
}

func (w *walker) integer(n *yaml.Node, s *schema) bool {
	v, ok := parseInt(n.Value)
	switch tag := n.ShortTag(); {
	case tag == "!!float":
		f, err := parseFloat(n.Value)
		if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
			return w.wrong(n, "a whole number", "")
		}
		v = integerText{f < 0, uint64(math.Abs(f))}
	case tag == "!!int" && ok, ok && (s.quoted || w.tolerant) && tag == "!!str":
	case tag == "!!int":
		return w.wrong(n, boundsOf(s), "")
	case ok && tag == "!!str":
		return w.wrong(n, "a whole number without quotes", n.Value)
	default:
		bare := strings.TrimSpace(strings.TrimSuffix(n.Value, "%"))
		if _, number := parseInt(bare); number && bare != n.Value {
			return w.wrong(n, "a whole number without %", bare)
		}
		return w.wrong(n, "a whole number", "")
	}
	if !v.within(s) {
		return w.wrong(n, boundsOf(s), "")
	}
	w.out = v.append(w.out)
	return true
}

func boundsOf(s *schema) string {
	return fmt.Sprintf("a whole number from %d to %d", s.min, s.max)
}

func (w *walker) float(n *yaml.Node, s *schema) bool {
	f, err := parseFloat(n.Value)
	switch tag := n.ShortTag(); {
	case tag == "!!int" || tag == "!!float":
		if v, ok := parseInt(n.Value); ok {
			w.out = v.append(w.out)
			return true
		}
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return w.wrong(n, "a finite number", "")
		}
		w.out = strconv.AppendFloat(w.out, f, 'g', -1, 64)
		return true
	case err == nil && tag == "!!str":
		return w.wrong(n, "a number without quotes", n.Value)
	}
	bare := strings.TrimSpace(strings.TrimSuffix(n.Value, "%"))
	if _, err := parseFloat(bare); err == nil && bare != n.Value {
		return w.wrong(n, "a number without %", bare)
	}
	return w.wrong(n, s.describe(), "")
}

func (w *walker) enum(n *yaml.Node, s *schema) bool {
	if n.Value == "" && s.emptyOK || slices.Contains(s.enum, n.Value) {
		if line, found := s.rejected[n.Value]; found {
			w.rejection(n, n.Value+" has no effect: ", line)
		}
		w.out = appendString(w.out, n.Value)
		return true
	}
	return w.wrong(n, s.describe(), cmp.Or(nearest(n.Value, s.enum), s.otherwise))
}

// duration takes Go's spelling, as Istio and Kubernetes do. Protobuf's JSON only knows seconds.
func (w *walker) duration(n *yaml.Node, s *schema) bool {
	d, err := time.ParseDuration(n.Value)
	if err != nil || isNull(n) {
		return w.wrong(n, s.describe(), durationFix(n.Value))
	}
	if s.kind == rawDurationValue {
		w.out = appendString(w.out, n.Value)
		return true
	}
	sign := ""
	if d < 0 {
		sign = "-"
	}
	seconds, nanos := d/time.Second, d%time.Second
	w.out = fmt.Appendf(w.out, `"%s%d.%09ds"`, sign, max(seconds, -seconds), max(nanos, -nanos))
	return true
}

// durationFix guesses what a broken duration means: a bare number is seconds, as nearly everything in these APIs is.
func durationFix(text string) string {
	compact := strings.ReplaceAll(strings.ToLower(text), " ", "")
	number := strings.TrimRight(compact, "abcdefghijklmnopqrstuvwxyz")
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || value < 0 {
		return ""
	}
	switch unit := compact[len(number):]; unit {
	case "", "sec", "secs", "second", "seconds", "s":
		return number + "s"
	case "msec", "msecs", "millis", "milliseconds", "ms":
		return number + "ms"
	case "min", "mins", "minute", "minutes", "m":
		return number + "m"
	case "hour", "hours", "hr", "hrs", "h":
		return number + "h"
	case "d", "day", "days":
		return strconv.FormatFloat(value*24, 'f', -1, 64) + "h"
	default:
		return ""
	}
}

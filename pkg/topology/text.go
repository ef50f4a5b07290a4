package topology

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"
)

// Absent is how a number looks that could not be measured.
const Absent = "-"

// PerSecond writes a rate: "0.3", "12", "1.2k".
func PerSecond(v *float64) string {
	switch {
	case !shown(v):
		return Absent
	case *v == 0:
		return "0"
	case *v < 0.05:
		return "<0.1"
	case *v < 9.95:
		return fmt.Sprintf("%.1f", *v)
	case *v < 999.5:
		return fmt.Sprintf("%.0f", *v)
	}
	n, prefix := humanize.ComputeSI(*v)
	return fmt.Sprintf("%.1f%s", n, prefix)
}

// Milliseconds writes a duration that is given in them: "0.8ms", "25ms", "1.4s".
func Milliseconds(v *float64) string {
	switch {
	case !shown(v):
		return Absent
	case *v < 9.95:
		return fmt.Sprintf("%.1fms", *v)
	case *v < 999.5:
		return fmt.Sprintf("%.0fms", *v)
	}
	return fmt.Sprintf("%.1fs", *v/1000)
}

// Bytes writes bytes per second: "1.2 KiB/s".
func Bytes(v *float64) string {
	if !shown(v) {
		return Absent
	}
	return humanize.IBytes(uint64(*v)) + "/s"
}

// Count writes a whole number.
func Count(v *float64) string {
	if !shown(v) {
		return Absent
	}
	return humanize.CommafWithDigits(math.Round(*v), 0)
}

// Percent writes a share of 1: "99.9%". Only all is 100% and only nothing 0%, however little is missing.
func Percent(share float64) string {
	switch {
	case math.IsNaN(share) || math.IsInf(share, 0):
		return Absent
	case share > 0.999 && share < 1:
		return "99.9%"
	case share > 0 && share < 0.001:
		return "0.1%"
	}
	return fmt.Sprintf("%.1f%%", 100*share)
}

// Success is the part of requests that did not fail; ok is false without any request.
func (r Rates) Success() (share float64, ok bool) {
	failed, ok := r.ErrorShare()
	return 1 - failed, ok
}

// Qualified is the node's name with its namespace, if it has one: "reviews-v1.default".
func (n Node) Qualified() string {
	if n.Namespace == "" {
		return n.Name
	}
	return n.Name + "." + n.Namespace
}

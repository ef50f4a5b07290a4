package traffic

import "github.com/meshctl/meshctl/pkg/traffic/sample"

// Quantile is the value below which a share q of a distribution lies, in milliseconds, interpolated within Envoy's bin. It is off by at most the
// width of a bin: a tenth of the value, or the whole milliseconds in which Envoy measures. ok is false for an empty distribution.
func Quantile(h sample.Histogram, q float64) (ms float64, ok bool) {
	total := uint64(0)
	for _, b := range h {
		total += b.Count
	}
	if total == 0 {
		return 0, false
	}
	rank, below := q*float64(total), 0.0
	for _, b := range h {
		n := float64(b.Count)
		if n > 0 && below+n >= rank {
			return b.Lower + max(b.Width, 1)*max(0, rank-below)/n, true
		}
		below += n
	}
	last := h[len(h)-1]
	return last.Lower + last.Width, true
}

package routing

import (
	"fmt"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// weights looks for shares of traffic that are not what they look like. Envoy takes weights as parts of their sum, and so does Istio's
// reference on HTTPRouteDestination.weight: a sum other than 100 works. It surprises where the weights read as percentages.
func weights() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "virtualservice-weights",
		Doc:   "weights that are all zero, or that read as percentages and do not add up to 100",
		Codes: []codes.Code{codes.WeightsOff},
		Kinds: []config.Kind{config.VirtualService, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			for _, v := range written.Of(p) {
				for i, r := range v.Own.GetHttp() {
					checkWeights(p, v.Object, at("spec.http", i)+".route", weightsOf(r.GetRoute()))
				}
				for i, r := range v.Own.GetTls() {
					checkWeights(p, v.Object, at("spec.tls", i)+".route", weightsOf(r.GetRoute()))
				}
				for i, r := range v.Own.GetTcp() {
					checkWeights(p, v.Object, at("spec.tcp", i)+".route", weightsOf(r.GetRoute()))
				}
			}
		},
	}
}

func weightsOf[D interface{ GetWeight() int32 }](list []D) []int64 {
	var out []int64
	for _, d := range list {
		out = append(out, int64(d.GetWeight()))
	}
	return out
}

func checkWeights(p *analyze.Pass, o *config.Object, field string, list []int64) {
	var sum int64
	for _, w := range list {
		if w < 0 { // told as such
			return
		}
		sum += w
	}
	f := analyze.Finding{Code: codes.WeightsOff, Object: o, Field: field + "[0].weight"}
	switch {
	case len(list) == 0:
		return
	case len(list) == 1 && sum > 0 && sum < 100:
		f.Message = fmt.Sprintf("the only destination has the weight %d and still gets all of the traffic", sum)
		f.Fix = "add the destination that is to get the rest, or remove the weight"
	case len(list) == 1:
		return
	case sum == 0:
		f.Field = field
		f.Message = fmt.Sprintf("none of the %d destinations has any weight: nothing gets traffic, and requests get 503", len(list))
		f.Fix = "give the destinations weights that add up to 100"
	case percentages(list, sum):
		f.Message = fmt.Sprintf("the weights add up to %d, not 100; they count as parts of their sum, so the destinations get %s", sum, shares(list, sum))
		f.Fix = "write weights that add up to 100"
	default:
		return
	}
	p.Report(f)
}

// percentages reports whether weights read as percentages and are none: small numbers (1 to 3) and parts of a thousand are ratios, and
// equal thirds may be rounded.
func percentages(list []int64, sum int64) bool {
	for power := int64(1); power <= sum; power *= 10 {
		if sum == power {
			return false
		}
	}
	equal := true
	for _, w := range list {
		equal = equal && w == list[0]
	}
	off := sum - 100
	return sum > 10 && (!equal || max(off, -off) >= int64(len(list)))
}

func shares(list []int64, sum int64) string {
	var out []string
	for _, w := range list {
		out = append(out, fmt.Sprintf("%.1f%%", float64(w)*100/float64(sum)))
	}
	return strings.Join(out, ", ")
}

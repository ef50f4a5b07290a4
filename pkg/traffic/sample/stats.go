package sample

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Aborts is the name of the counter of requests that fault injection answers, and AbortsTag that of its tag, which has the cluster that they were
// meant for. Proxies are told to count them so: Envoy itself does by listener only.
const (
	Aborts    = "fault_aborts"
	AbortsTag = "cluster_name"
)

// StatsPath asks Envoy for the statistics that Stats reads, whose names match Recorded.
const StatsPath = "/stats?usedonly&histogram_buckets=detailed&filter=" +
	"%5E(cluster%5C.(outbound%7CPassthrough%7CBlackHole)%7Chttp%5C.(in%7Cout)bound%7Ctcp%5C.inbound%7C" + Aborts + "%5C.)"

// CountersPath asks for the counters among them only, which costs Envoy half as much: Keep adds the rest.
const CountersPath = StatsPath + "&type=Counters"

// Recorded are the names of the statistics that a proxy must record besides those of every proxy, as regular expressions (RE2).
func Recorded() []string {
	return []string{
		`cluster\.(outbound\||PassthroughCluster|BlackHoleCluster).*\.(upstream_rq_time|upstream_rq_retry|upstream_cx_none_healthy|upstream_cx_rx_bytes_total|upstream_cx_tx_bytes_total|ssl\.handshake)`,
		`http\.(in|out)bound.*\.(downstream_rq_total|downstream_rq_5xx|downstream_rq_time|downstream_cx_total|downstream_cx_ssl_total|downstream_cx_rx_bytes_total|downstream_cx_tx_bytes_total)`,
		`tcp\.inbound.*\.(downstream_cx_total|downstream_cx_rx_bytes_total|downstream_cx_tx_bytes_total)`,
		Aborts + `\..*`,
	}
}

// Stats reads Envoy's answer to StatsPath: lines of NAME: VALUE; a histogram's name is followed by its bins. What is not known is left out.
func Stats(text string) ([]Cluster, []Inbound) {
	clusters, inbound := map[string]*Cluster{}, map[string]*Inbound{}
	histogram := "" // whose bins come next
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if bins, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "totals="); ok && histogram != "" {
			if h := latency(histogram, clusters, inbound); h != nil {
				*h = parseBins(bins)
			}
			continue
		}
		if strings.HasPrefix(line, " ") {
			continue
		}
		if name, ok := strings.CutSuffix(line, ":"); ok {
			histogram = name
			continue
		}
		histogram = ""
		i := strings.LastIndex(line, ": ")
		if i < 0 {
			continue
		}
		if n, err := strconv.ParseUint(line[i+2:], 10, 64); err == nil {
			if field := counter(line[:i], clusters, inbound); field != nil {
				*field = n
			}
		}
	}
	return sorted(clusters, byName), sorted(inbound, byNameAndProtocol)
}

func byName(a, b Cluster) int { return cmp.Compare(a.Name, b.Name) }

func byNameAndProtocol(a, b Inbound) int {
	protocol := func(i Inbound) int {
		if i.TCP {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.Name, b.Name), protocol(a)-protocol(b))
}

func sorted[T any](m map[string]*T, compare func(a, b T) int) []T {
	var out []T
	for _, v := range m {
		out = append(out, *v)
	}
	slices.SortFunc(out, compare)
	return out
}

// counter finds the place of a statistic; nil for one that is not known.
func counter(name string, clusters map[string]*Cluster, inbound map[string]*Inbound) *uint64 {
	if c, ok := strings.CutPrefix(name, "cluster."); ok {
		for suffix, field := range clusterCounters {
			if c, ok := strings.CutSuffix(c, suffix); ok {
				return field(at(clusters, c, Cluster{Name: c}))
			}
		}
		return nil
	}
	if c, ok := strings.CutPrefix(name, Aborts+"."+AbortsTag+"."); ok {
		return &at(clusters, c, Cluster{Name: c}).Aborted
	}
	owner, stat, tcp := manager(name)
	field := inboundCounters[stat]
	if owner == "" || field == nil {
		return nil
	}
	return field(at(inbound, name[:3]+owner, Inbound{Name: owner, TCP: tcp}))
}

// latency finds the place of a histogram.
func latency(name string, clusters map[string]*Cluster, inbound map[string]*Inbound) *Histogram {
	if c, ok := strings.CutPrefix(name, "cluster."); ok {
		c, ok = strings.CutSuffix(c, ".upstream_rq_time")
		if !ok || strings.HasSuffix(c, ".internal") || strings.HasSuffix(c, ".external") {
			return nil // the same requests by where they come from
		}
		return &at(clusters, c, Cluster{Name: c}).Latency
	}
	owner, stat, tcp := manager(name)
	if owner == "" || stat != "downstream_rq_time" {
		return nil
	}
	return &at(inbound, name[:3]+owner, Inbound{Name: owner, TCP: tcp}).Latency
}

// manager splits the name of a statistic of an HTTP connection manager or a TCP proxy, whose own name has dots.
func manager(name string) (owner, stat string, tcp bool) {
	rest, ok := strings.CutPrefix(name, "http.")
	if !ok {
		if rest, tcp = strings.CutPrefix(name, "tcp."); !tcp {
			return "", "", false
		}
	}
	i := strings.LastIndexByte(rest, '.')
	if i < 0 {
		return "", "", tcp
	}
	return rest[:i], rest[i+1:], tcp
}

func at[T any](m map[string]*T, key string, empty T) *T {
	v := m[key]
	if v == nil {
		v = &empty
		m[key] = v
	}
	return v
}

var clusterCounters = map[string]func(*Cluster) *uint64{
	".upstream_rq_retry":          func(c *Cluster) *uint64 { return &c.Retries },
	".upstream_cx_none_healthy":   func(c *Cluster) *uint64 { return &c.Homeless },
	".upstream_cx_tx_bytes_total": func(c *Cluster) *uint64 { return &c.Sent },
	".upstream_cx_rx_bytes_total": func(c *Cluster) *uint64 { return &c.Received },
	".ssl.handshake":              func(c *Cluster) *uint64 { return &c.Handshakes },
}

var inboundCounters = map[string]func(*Inbound) *uint64{
	"downstream_rq_total":          func(i *Inbound) *uint64 { return &i.Requests },
	"downstream_rq_5xx":            func(i *Inbound) *uint64 { return &i.Failed },
	"downstream_cx_total":          func(i *Inbound) *uint64 { return &i.Opened },
	"downstream_cx_ssl_total":      func(i *Inbound) *uint64 { return &i.Encrypted },
	"downstream_cx_active":         func(i *Inbound) *uint64 { return &i.Connections },
	"downstream_cx_rx_bytes_total": func(i *Inbound) *uint64 { return &i.Received },
	"downstream_cx_tx_bytes_total": func(i *Inbound) *uint64 { return &i.Sent },
}

// parseBins reads "LOWER,WIDTH:COUNT, ...". It returns nil for anything else.
func parseBins(text string) Histogram {
	var out Histogram
	for part := range strings.SplitSeq(text, ",") {
		// Commas stand within bins and between them: every second part ends one.
		width, count, ends := strings.Cut(part, ":")
		v, err := strconv.ParseFloat(strings.TrimSpace(width), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return nil
		}
		switch last := len(out) - 1; {
		case !ends && (last < 0 || out[last].Count > 0):
			out = append(out, Bin{Lower: v})
		case ends && last >= 0 && out[last].Count == 0:
			n, err := strconv.ParseUint(count, 10, 64)
			if err != nil || n == 0 {
				return nil
			}
			out[last].Width, out[last].Count = v, n
		default:
			return nil
		}
	}
	if n := len(out); n > 0 && out[n-1].Count == 0 {
		return nil
	}
	slices.SortFunc(out, func(a, b Bin) int { return cmp.Compare(a.Lower, b.Lower) })
	return out.clean()
}

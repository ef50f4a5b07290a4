package agent

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
)

const (
	// AllCores as Options.Concurrency gives Envoy one worker thread a core.
	AllCores = -1
	// DefaultConcurrency is used where nobody says anything. Istio's ProxyConfig leaves it to the CPU limit of the pod;
	// its own default configuration has long said 2.
	DefaultConcurrency = 2

	defaultTerminationDrain = 5 * time.Second
	// defaultFlush is the ProxyConfig's default for files such as access logs; Envoy's own is 10 s.
	defaultFlush = time.Second

	metadataPrefix = "ISTIO_META_"
)

// settings are what one life of Envoy takes from istio.mesh.v1alpha1.ProxyConfig
// (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig) and from the agent's own options.
type settings struct {
	// document is the ProxyConfig itself, by its JSON names.
	document map[string]any
	// concurrency is AllCores or a number of threads.
	concurrency int
	// drain is how long Envoy drains a listener that changed, termination how long it may take to end.
	drain, termination time.Duration
	// flush is how often files are written, flushKB how much is written at once; 0 is Envoy's default.
	flush    time.Duration
	flushKB  int
	stats    bootstrap.Stats
	runtime  map[string]any
	metadata map[string]string
	// patches of the bootstrap.
	patches []bootstrap.Patch
	// variables are proxyMetadata, for Envoy's environment.
	variables map[string]string
}

// document is the part of ProxyConfig that is read here.
type document struct {
	Concurrency              *int              `json:"concurrency"`
	DrainDuration            string            `json:"drainDuration"`
	TerminationDrainDuration string            `json:"terminationDrainDuration"`
	FileFlushInterval        string            `json:"fileFlushInterval"`
	FileFlushMinSizeKB       int               `json:"fileFlushMinSizeKb"`
	ProxyStatsMatcher        bootstrap.Matcher `json:"proxyStatsMatcher"`
	StatsdUDPAddress         string            `json:"statsdUdpAddress"`
	ProxyMetadata            map[string]string `json:"proxyMetadata"`
	RuntimeValues            map[string]string `json:"runtimeValues"`
}

// settings joins the control plane's ProxyConfig (JSON; empty for none) with the options, which win. Statistics of both
// are recorded. What cannot be used is logged and left at its default.
func (o Options) settings(proxyConfig string) settings {
	s := settings{document: map[string]any{}, stats: o.Stats}
	if proxyConfig != "" {
		if err := json.Unmarshal([]byte(proxyConfig), &s.document); err != nil {
			o.Log.Warn("ProxyConfig of the control plane not used", "error", err)
		}
	}
	maps.Copy(s.document, o.ProxyConfig)
	d := readDocument(s.document, o.Log)
	switch {
	case o.Concurrency != 0:
		s.concurrency = o.Concurrency
	case d.Concurrency == nil || *d.Concurrency < 0:
		s.concurrency = DefaultConcurrency
	case *d.Concurrency == 0:
		s.concurrency = AllCores
	default:
		s.concurrency = *d.Concurrency
	}
	s.document["concurrency"] = max(s.concurrency, 0)
	s.termination = duration(o.Log, "terminationDrainDuration", d.TerminationDrainDuration, defaultTerminationDrain)
	if o.DrainDuration != 0 {
		s.termination = o.DrainDuration
	}
	s.drain = duration(o.Log, "drainDuration", d.DrainDuration, s.termination)
	s.flush = duration(o.Log, "fileFlushInterval", d.FileFlushInterval, defaultFlush)
	s.flushKB = d.FileFlushMinSizeKB
	s.stats.Matcher = bootstrap.Matcher{
		Prefixes: joined(o.Stats.Matcher.Prefixes, d.ProxyStatsMatcher.Prefixes),
		Suffixes: joined(o.Stats.Matcher.Suffixes, d.ProxyStatsMatcher.Suffixes),
		Regexps:  usable(o.Log, joined(o.Stats.Matcher.Regexps, d.ProxyStatsMatcher.Regexps)),
	}
	if d.StatsdUDPAddress != "" {
		var err error
		if s.stats.Statsd, err = netip.ParseAddrPort(d.StatsdUDPAddress); err != nil {
			o.Log.Warn("ProxyConfig: statsdUdpAddress not used: give IP:PORT", "value", d.StatsdUDPAddress)
		}
	}
	s.runtime, s.metadata = runtimeValues(d.RuntimeValues), nodeMetadata(d.ProxyMetadata)
	s.variables = d.ProxyMetadata
	return s
}

// withPatches adds the control plane's patches of the bootstrap (JSON; empty for none).
func (s settings) withPatches(patches string, log *slog.Logger) settings {
	if patches != "" {
		if err := json.Unmarshal([]byte(patches), &s.patches); err != nil {
			log.Warn("patches of the bootstrap not used", "error", err)
			s.patches = nil
		}
	}
	return s
}

// readDocument reads field by field, so that one of an unexpected type takes no other with it.
func readDocument(fields map[string]any, log *slog.Logger) document {
	var d document
	for name, value := range fields {
		next := d
		one, err := json.Marshal(map[string]any{name: value})
		if err == nil {
			err = json.Unmarshal(one, &next)
		}
		if err != nil {
			log.Warn("ProxyConfig: field not used", "field", name, "error", err)
			continue
		}
		d = next
	}
	return d
}

func duration(log *slog.Logger, field, text string, otherwise time.Duration) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		log.Warn("ProxyConfig: field not used: give a duration such as 10s", "field", field, "value", text)
		return otherwise
	}
	return d
}

func joined(a, b []string) []string { return append(append([]string(nil), a...), b...) }

// usable leaves out expressions that Envoy would refuse its whole bootstrap for. Both take RE2's syntax.
func usable(log *slog.Logger, regexps []string) []string {
	var out []string
	for _, re := range regexps {
		if _, err := regexp.Compile(re); err != nil {
			log.Warn("ProxyConfig: expression of proxyStatsMatcher.inclusionRegexps not used", "error", err)
			continue
		}
		out = append(out, re)
	}
	return out
}

// runtimeValues gives texts the types that they are meant to have.
func runtimeValues(given map[string]string) map[string]any {
	out := map[string]any{}
	for key, text := range given {
		var value any
		_ = json.Unmarshal([]byte(text), &value) // nil for what is no JSON
		switch value.(type) {
		case float64, bool:
			out[key] = value
		default:
			out[key] = text
		}
	}
	return out
}

// nodeMetadata are the entries of proxyMetadata that are for the control plane.
func nodeMetadata(given map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range given {
		if name, ok := strings.CutPrefix(key, metadataPrefix); ok && name != "" {
			out[name] = value
		}
	}
	return out
}

// args are those of Envoy that the settings decide
// (https://www.envoyproxy.io/docs/envoy/latest/operations/cli).
func (s settings) args() []string {
	args := []string{
		"--drain-time-s", seconds(s.drain), "--drain-strategy", "immediate",
		"--file-flush-interval-msec", fmt.Sprint(max(1, s.flush.Milliseconds())),
	}
	if s.flushKB > 0 {
		args = append(args, "--file-flush-min-size-kb", strconv.Itoa(s.flushKB))
	}
	if s.concurrency > 0 {
		args = append(args, "--concurrency", strconv.Itoa(s.concurrency))
	}
	return args
}

// seconds rounds to what Envoy takes: at least one.
func seconds(d time.Duration) string { return strconv.Itoa(max(1, int(d/time.Second))) }

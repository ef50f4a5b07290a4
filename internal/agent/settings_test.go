package agent

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
)

func TestSettings(t *testing.T) {
	const answer = `{"concurrency": 3, "drainDuration": "45s", "terminationDrainDuration": "2.5s", "fileFlushInterval": "0.2s",
		"fileFlushMinSizeKb": 16, "statsdUdpAddress": "127.0.0.1:8125", "runtimeValues": {"a": "7", "b": "true", "c": "x", "d": "NaN"},
		"proxyMetadata": {"ISTIO_META_FOO": "bar", "HOME": "/"}, "proxyStatsMatcher": {"inclusionRegexps": ["a.*", "("]}}`
	for name, c := range map[string]struct {
		o      Options
		answer string
		want   string // arguments
		logs   int
	}{
		"nothing said":  {Options{}, "", "--drain-time-s 5 --concurrency 2 --file-flush-interval-msec 1000", 0},
		"mesh":          {Options{}, answer, "--drain-time-s 45 --concurrency 3 --file-flush-interval-msec 200 --file-flush-min-size-kb 16", 1},
		"flags":         {Options{Concurrency: 4, DrainDuration: time.Second}, answer, "--drain-time-s 45 --concurrency 4 --file-flush-interval-msec 200", 1},
		"fields":        {Options{ProxyConfig: map[string]any{"concurrency": 5}}, answer, "--concurrency 5", 1},
		"all cores":     {Options{}, `{"concurrency": 0}`, "--drain-time-s 5", 0},
		"all, by flag":  {Options{Concurrency: AllCores}, answer, "--drain-time-s 45", 1},
		"less than any": {Options{}, `{"concurrency": -3, "drainDuration": "0s"}`, "--concurrency 2 --drain-time-s 1", 0},
		"wrong types":   {Options{}, `{"concurrency": "many", "drainDuration": "soon", "fileFlushInterval": "0.2s"}`, "--concurrency 2 --file-flush-interval-msec 200", 2},
		"no JSON":       {Options{}, `{`, "--concurrency 2", 1},
	} {
		var log bytes.Buffer
		c.o.Log = slog.New(slog.NewTextHandler(&log, nil))
		s := c.o.settings(c.answer)
		got := strings.Join(s.args(), " ")
		for _, pair := range strings.SplitAfter(c.want, " --") {
			if pair = strings.Trim(pair, " -"); !strings.Contains(got, "--"+pair) {
				t.Errorf("%s: %q lacks %q", name, got, pair)
			}
		}
		if s.concurrency == AllCores && slices.Contains(s.args(), "--concurrency") {
			t.Errorf("%s: %q", name, got)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != c.logs {
			t.Errorf("%s: %d warnings, want %d:\n%s", name, n, c.logs, log.String())
		}
	}
	o := Options{Log: slog.New(slog.DiscardHandler), Stats: bootstrap.Stats{Matcher: bootstrap.Matcher{Regexps: []string{"mine"}, Prefixes: []string{"p"}}}}
	s := o.settings(answer)
	if diff := cmp.Diff(bootstrap.Matcher{Regexps: []string{"mine", "a.*"}, Prefixes: []string{"p"}}, s.stats.Matcher); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"a": 7.0, "b": true, "c": "x", "d": "NaN"}, s.runtime); diff != "" {
		t.Error(diff)
	}
	if s.termination != 2500*time.Millisecond || s.stats.Statsd.String() != "127.0.0.1:8125" || !cmp.Equal(s.metadata, map[string]string{"FOO": "bar"}) {
		t.Errorf("%+v", s)
	}
	if s := (Options{Log: o.Log, DrainDuration: time.Second}).settings(answer); s.termination != time.Second {
		t.Errorf("the flag does not win: %s", s.termination)
	}
	if s := o.settings(`{"terminationDrainDuration": "0s"}`); s.termination != 0 {
		t.Errorf("no drain: %s", s.termination)
	}
}

package proxyconfig_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

var (
	update  = flag.Bool("update", false, "rewrite golden files")
	capture = flag.Bool("capture", false, "rewrite the dumps that are the input of golden files from a real Envoy; run -update after it")
)

func parseFile(t testing.TB, path string) *proxyconfig.Dump {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := proxyconfig.Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func parseStatuses(t testing.TB, path string) *proxyconfig.Statuses {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := proxyconfig.ParseStatuses(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func golden(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func wide[T any](t testing.TB, b *bytes.Buffer, title string, table printer.Table[T], rows []T) {
	t.Helper()
	b.WriteString("# " + title + "\n")
	if err := printer.Print(&printer.Printer{Out: b, Format: printer.FormatWide}, table, rows); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
}

// summary is every table of a dump.
func summary(t testing.TB, d *proxyconfig.Dump, s *proxyconfig.Statuses, f proxyconfig.Filter) []byte {
	t.Helper()
	var b bytes.Buffer
	wide(t, &b, "bootstrap", proxyconfig.BootstrapTable(), d.BootstrapRows())
	wide(t, &b, "listeners", proxyconfig.ListenerTable(), d.ListenerRows(f))
	wide(t, &b, "routes", proxyconfig.RouteTable(), d.RouteRows(f))
	wide(t, &b, "clusters", proxyconfig.ClusterTable(), d.ClusterRows(f))
	wide(t, &b, "endpoints of the dump", proxyconfig.EndpointTable(), d.EndpointRows(nil, f))
	if s != nil {
		wide(t, &b, "endpoints in use", proxyconfig.EndpointTable(), d.EndpointRows(s, f))
	}
	wide(t, &b, "extensions", proxyconfig.ExtensionTable(), d.ExtensionRows(f))
	return b.Bytes()
}

const sidecar = "testdata/dumps/sidecar"

func TestSummaries(t *testing.T) {
	d := parseFile(t, filepath.Join(sidecar, "config_dump.json"))
	s := parseStatuses(t, filepath.Join(sidecar, "clusters.json"))
	out := summary(t, d, s, proxyconfig.Filter{})
	now, err := time.Parse(time.RFC3339, d.Bootstrap.LastUpdated)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(out)
	wide(t, b, "secrets", proxyconfig.SecretTable(), d.SecretRows(proxyconfig.Filter{}, now))
	golden(t, filepath.Join(sidecar, "summary.txt"), b.Bytes())
}

func TestFilters(t *testing.T) {
	d := parseFile(t, filepath.Join(sidecar, "config_dump.json"))
	s := parseStatuses(t, filepath.Join(sidecar, "clusters.json"))
	for _, c := range []struct {
		filter                                 proxyconfig.Filter
		listeners, routes, clusters, endpoints int
	}{
		{proxyconfig.Filter{Port: 9080}, 2, 0, 3, 5},
		{proxyconfig.Filter{FQDN: "reviews"}, 0, 5, 2, 4},
		{proxyconfig.Filter{Subset: "v1"}, 0, 0, 1, 0},
		{proxyconfig.Filter{Direction: "Inbound"}, 3, 0, 1, 0},
		{proxyconfig.Filter{Address: "fd00::7"}, 1, 0, 0, 0},
		{proxyconfig.Filter{Address: "10.0.1.1"}, 0, 0, 0, 2},
		{proxyconfig.Filter{Type: "eds"}, 0, 0, 2, 0},
		{proxyconfig.Filter{Type: "HTTP+TCP"}, 5, 0, 0, 0},
		{proxyconfig.Filter{Name: "9080"}, 0, 6, 0, 0},
		{proxyconfig.Filter{VirtualHost: "reviews.default"}, 0, 5, 0, 0},
		{proxyconfig.Filter{Status: "unhealthy"}, 0, 0, 0, 1},
		{proxyconfig.Filter{Cluster: "inbound|9080||"}, 0, 0, 0, 1},
		{proxyconfig.Filter{Port: 1}, 0, 0, 0, 0},
	} {
		for _, got := range []struct {
			what       string
			want, rows int
		}{
			{"listeners", c.listeners, len(d.ListenerRows(c.filter))},
			{"routes", c.routes, len(d.RouteRows(c.filter))},
			{"clusters", c.clusters, len(d.ClusterRows(c.filter))},
			{"endpoints", c.endpoints, len(d.EndpointRows(s, c.filter))},
		} {
			if got.want != 0 && got.rows != got.want {
				t.Errorf("%+v: %d %s, want %d", c.filter, got.rows, got.what, got.want)
			}
		}
	}
	if rows := d.ClusterRows(proxyconfig.Filter{Port: 1}); rows == nil || len(rows) != 0 {
		t.Errorf("no match: %v", rows)
	}
}

func TestMarshalIsWhatParseReads(t *testing.T) {
	d := parseFile(t, filepath.Join(sidecar, "config_dump.json"))
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := proxyconfig.Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}

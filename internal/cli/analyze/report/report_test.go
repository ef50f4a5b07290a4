package report

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

var update = flag.Bool("update", false, "rewrite testdata")

const shop = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: ["web, 100%"]
  http:
  - route: [{destination: {host: cart}}]
---
apiVersion: v1
kind: Secret
metadata: {name: tls, namespace: shop}
stringData:
  key: do not show
`

// sample is a report of everything that there can be.
func sample(t *testing.T) *Report {
	t.Helper()
	in := analyze.NewInput(config.Decoder{}.DecodeBytes("deploy/shop.yaml", []byte(shop)), mesh.Options{}, time.Unix(0, 0))
	analyzers := []*analyze.Analyzer{
		{Name: "hosts", Doc: "hosts of virtual services", Codes: []codes.Code{codes.SchemaError, codes.ReferenceNotFound, codes.Unreadable}, Run: func(p *analyze.Pass) {
			vs := p.All(config.VirtualService)[0]
			host := vs.FieldPosition("spec.hosts[0]")
			p.Report(analyze.Finding{
				Code: codes.SchemaError, Object: vs, Field: "spec.hosts[0]", Message: "is no host: 100%, a:b\nor so", Fix: "write web",
				Edits:   []analyze.Edit{{Position: host, Old: `"web, 100%"`, New: "web"}},
				Related: []analyze.Related{{Object: config.Key{Kind: config.Service, Namespace: "shop", Name: "web"}, Position: config.Position{File: "deploy/other.yaml", Line: 3, Column: 1}, Message: "the Service"}},
			})
			p.Open(codes.ReferenceNotFound, vs, "Service shop/cart", config.Service, config.ServiceEntry)
			p.ReportProblem(config.Problem{Position: config.Position{File: "a b/broken.yaml"}, Code: codes.Unreadable, Message: "is not a text file", Fix: "save it as text"})
		}},
		{Name: "secrets", Doc: "keys of secrets", Codes: []codes.Code{codes.SchemaWarning, codes.Deprecated}, Run: func(p *analyze.Pass) {
			secret := p.All(config.Secret)[0]
			p.Report(analyze.Finding{Code: codes.SchemaWarning, Object: secret, Field: "stringData[key]", Message: "is short", Fix: "make it longer"})
			p.Report(analyze.Finding{Code: codes.SchemaWarning, Object: secret, Field: "stringData[key]", Message: "is old", Fix: "make a new one"})
		}},
		{Name: "weary", Doc: "nothing", Run: func(*analyze.Pass) { panic("tired") }},
		{Name: "content", Doc: "nothing at all", Run: func(*analyze.Pass) {}},
	}
	result := analyze.Run(context.Background(), in, analyzers)
	r := &Report{Analyzers: analyzers, Undecided: result.Undecided, Failed: result.Failed, Objects: 2, Suppressed: 3, Skipped: []analyze.Failure{{Analyzer: "content", Reason: "Pods may not be read"}}}
	for _, d := range result.Diagnostics {
		r.Findings = append(r.Findings, Finding{Diagnostic: d})
	}
	return r
}

func write(t *testing.T, format printer.Format, r *Report, color bool) (out, aside string) {
	t.Helper()
	var b, said bytes.Buffer
	w := Writer{Printer: &printer.Printer{Out: &b, Format: format, Color: color}, Threshold: codes.Error, Say: func(f string, args ...any) { said.WriteString(sprintln(f, args...)) }}
	if err := w.Write(r); err != nil {
		t.Fatal(err)
	}
	return b.String(), said.String()
}

func TestEveryFormat(t *testing.T) {
	for _, format := range Formats() {
		t.Run(string(format), func(t *testing.T) {
			out, aside := write(t, format, sample(t), false)
			if format == SARIF {
				out = withoutExplanations(t, out)
			}
			golden(t, filepath.Join("testdata", string(format)+".golden"), out)
			if strings.Contains(out+aside, "do not show") {
				t.Error("shows a Secret")
			}
		})
	}
}

// withoutExplanations takes from the rules the texts of the table of codes, which are none of this test's business.
func withoutExplanations(t *testing.T, out string) string {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal([]byte(out), &log); err != nil {
		t.Fatal(err)
	}
	rules := log.Runs[0].Tool.Driver.Rules
	for i := range rules {
		rules[i].FullDescription.Text, rules[i].Help.Text = "...", "..."
	}
	var b bytes.Buffer
	if err := printer.Object(&printer.Printer{Out: &b, Format: printer.FormatJSON}, log); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update accepts it:\n%s", path, diff)
	}
}

// TestSARIFFollowsItsSchema validates against the schema that the standard publishes
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json), testdata holds a copy.
func TestSARIFFollowsItsSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	compared := sample(t)
	for i, change := range []Change{Introduced, Unchanged, Fixed} {
		compared.Findings[i].Change = change
	}
	unlisted := sample(t)
	unlisted.Analyzers = nil
	for name, r := range map[string]*Report{"full": sample(t), "compared": compared, "empty": {}, "unlisted": unlisted} {
		out, _ := write(t, SARIF, r, false)
		log, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(log); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
		log.(map[string]any)["version"] = "2.2.0"
		if schema.Validate(log) == nil {
			t.Errorf("%s: the schema takes anything", name)
		}
	}
}

func TestJUnitCounts(t *testing.T) {
	out, _ := write(t, JUnit, sample(t), false)
	var got junitSuites
	if err := xml.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 7 || got.Failures != 2 || got.Errors != 1 || got.Skipped != 2 {
		t.Errorf("%d tests, %d failures, %d errors, %d skipped", got.Tests, got.Failures, got.Errors, got.Skipped)
	}
}

func TestFindingsOfNoAnalyzerAreWritten(t *testing.T) {
	r := sample(t)
	r.Analyzers = r.Analyzers[1:]
	if out, _ := write(t, JUnit, r, false); !strings.Contains(out, `<testsuite name="hosts" tests="3"`) {
		t.Errorf("JUnit leaves them out:\n%s", out)
	}
}

func TestFingerprintsOutliveChangesOfLines(t *testing.T) {
	r := sample(t)
	before := fingerprints(r.Findings)
	seen := map[string]bool{}
	for i := range r.Findings {
		if seen[before[i]] {
			t.Errorf("%s has the fingerprint of another one", r.Findings[i].Message)
		}
		seen[before[i]] = true
		r.Findings[i].Position.Line += 10
		r.Findings[i].Message += ", really"
	}
	if diff := cmp.Diff(before, fingerprints(r.Findings)); diff != "" {
		t.Error(diff)
	}
}

func TestColours(t *testing.T) {
	out, _ := write(t, Log, sample(t), true)
	for _, want := range []string{"\x1b[31merror\x1b[0m IST0106", "\x1b[33m^^^^^^^^^^^\x1b[0m"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
}

func TestUndecidedAreGrouped(t *testing.T) {
	r := &Report{}
	for _, name := range []string{"a", "b", "c"} {
		r.Undecided = append(r.Undecided, analyze.Undecided{
			Code: codes.ReferenceNotFound, Object: config.Key{Kind: config.VirtualService, Namespace: "shop", Name: name},
			Position: config.Position{File: "x.yaml", Line: 1, Column: 1}, What: "a host", Kinds: []config.Kind{config.Service, config.ServiceEntry},
		})
	}
	_, aside := write(t, Log, r, false)
	want := "could not decide, for want of objects to compare with:\n  IST0101 for 3 objects, given no Service or ServiceEntry; for example x.yaml:1:1 VirtualService shop/a: a host\nnothing found (3 undecided)\n"
	if diff := cmp.Diff(want, aside); diff != "" {
		t.Error(diff)
	}
}

func TestUndecidedKindsOfOneNameAreToldApart(t *testing.T) {
	want := "Gateway.networking.istio.io or Gateway.gateway.networking.k8s.io"
	if got := kinds([]config.Kind{config.Gateway, config.K8sGateway}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOnlyWhatIsNewCounts(t *testing.T) {
	r := sample(t)
	for i := range r.Findings {
		r.Findings[i].Change = Unchanged
	}
	if r.Reaches(codes.Info) {
		t.Error("what was there before counts")
	}
	r.Findings[0].Change = Introduced
	if !r.Reaches(codes.Info) {
		t.Error("what is new does not count")
	}
}

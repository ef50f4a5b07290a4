package mesh_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/meshctl/meshctl/samples"
)

var samplesDir = flag.String("samples", "", "try the files in this directory, such as a copy of Istio's, in place of those of the same names here")

// sample is one file of samples/bookinfo and what it is known for.
type sample struct {
	// with are samples that must be there too.
	with []string
	// prepare starts what the sample needs, for as long as the test runs, and edits its text where it names ports.
	prepare func(m *mesh, text string) string
	// show returns an error until the sample does what it is for. Nil: its objects equal those of the demo.
	show func(m *mesh) error
	// problems says that it is reported, as something that it names is not in the demo.
	problems bool
}

// TestSamples copies each sample into the directory of a running demo, sees its effect, and takes it out again.
func TestSamples(t *testing.T) {
	t.Parallel()
	m := startDemo(t)
	m.same()
	files := sampleFiles(t)
	for _, name := range files {
		t.Run(name, func(t *testing.T) { m.in(t).try(name, known[name]) })
	}
	m.accepted()
}

func sampleFS() fs.FS {
	if *samplesDir != "" {
		return os.DirFS(*samplesDir)
	}
	return samples.Bookinfo()
}

func sampleFiles(t *testing.T) []string {
	t.Helper()
	files, err := fs.Glob(sampleFS(), "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, name := range files {
		if _, ok := known[name]; !ok && *samplesDir == "" {
			t.Errorf("%s has no test", name)
		}
	}
	return files
}

func (m *mesh) text(name string) string {
	m.t.Helper()
	data, err := fs.ReadFile(sampleFS(), name)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data)
}

// try is the life of one sample.
func (m *mesh) try(name string, s sample) {
	before, err := m.meant()
	if err != nil {
		m.t.Fatal(err)
	}
	// What prepare starts ends before the comparison, as the last cleanup comes first.
	m.t.Cleanup(func() {
		began := time.Now()
		m.backTo(before)
		m.joined = nil
		m.settled()
		m.normal()
		m.accepted()
		m.t.Logf("gone after %s", time.Since(began))
	})
	began := time.Now()
	text := m.text(name)
	if s.prepare != nil {
		text = s.prepare(m, text)
	}
	for _, other := range s.with {
		m.put(other, m.text(other))
		m.t.Cleanup(func() { m.remove(other) })
	}
	m.put(name, text)
	m.t.Cleanup(func() { m.remove(name) })
	if s.show == nil {
		m.read()
		m.normal()
		m.backTo(before)
	} else {
		prepared := time.Since(began)
		m.t.Logf("live after %s; prepared in %s", eventually(m.t, name+" shows", func() error { return s.show(m) }), prepared)
	}
	m.settled()
	m.same()
	m.accepted()
	if !s.problems {
		m.noProblem()
	}
}

// read returns when the control plane has read what was written before: it has read a marker that was written later.
func (m *mesh) read() {
	m.t.Helper()
	m.put("marker.yaml", "kind: VirtualService\n")
	marked := func(want bool) func() error {
		return func() error {
			problems, err := m.problems()
			if err != nil {
				return err
			}
			if found := slices.ContainsFunc(problems, inFile("marker.yaml")); found != want {
				return errNotYet
			}
			return nil
		}
	}
	eventually(m.t, "the marker is read", marked(true))
	m.remove("marker.yaml")
	eventually(m.t, "the marker is gone", marked(false))
}

func (m *mesh) noProblem() {
	m.t.Helper()
	problems, err := m.problems()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, p := range problems {
		m.t.Errorf("problem: %+v", p)
	}
}

// normal fails the test unless the application works as without any sample.
func (m *mesh) normal() {
	m.t.Helper()
	eventually(m.t, "Bookinfo is as usual", func() error {
		if err := served(60, nil, "v1", "v2", "v3")(m); err != nil {
			return err
		}
		for path, want := range map[string]int{
			"/productpage": 200, "/api/v1/products/0": 200, "/api/v1/products/0/ratings": 200, "/books": 404,
		} {
			if a, err := m.get(path); err != nil || a.status != want {
				return fmt.Errorf("%s: %s", path, outcome(a, err))
			}
		}
		return nil
	})
}

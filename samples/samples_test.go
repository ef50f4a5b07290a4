package samples_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/samples"
)

// decode returns the objects of all YAML files in folder by file, and fails the test for every problem.
func decode(t *testing.T, folder fs.FS) map[string][]*config.Object {
	t.Helper()
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	objects := map[string][]*config.Object{}
	for _, name := range names {
		f, err := folder.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		decoded, problems := config.Decode(name, f)
		f.Close()
		for _, p := range problems {
			t.Error(p)
		}
		if len(decoded) == 0 {
			t.Errorf("%s: no objects", name)
		}
		objects[name] = decoded
	}
	return objects
}

func TestSamplesDecode(t *testing.T) {
	decode(t, samples.Demo())
	decode(t, samples.Bookinfo())
}

func TestNoSampleDefinesAnObjectTwice(t *testing.T) {
	layer := map[config.Key]string{}
	for name, objects := range decode(t, samples.Demo()) {
		for _, o := range objects {
			if other, ok := layer[o.Key]; ok {
				t.Errorf("demo: %s is in %s and in %s", o.Key, other, name)
			}
			layer[o.Key] = name
		}
	}
	for name, objects := range decode(t, samples.Bookinfo()) {
		seen := map[config.Key]bool{}
		for _, o := range objects {
			if seen[o.Key] {
				t.Errorf("%s: %s stands twice", name, o.Key)
			}
			seen[o.Key] = true
		}
	}
}

func TestEverySampleSaysWhatItShows(t *testing.T) {
	names, err := fs.Glob(samples.Bookinfo(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(samples.Bookinfo(), name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# ") || !strings.Contains(string(text), "\n# Try it: ") {
			t.Errorf("%s: the comments do not say what it shows and how to try it", name)
		}
	}
}

// TestDestinationsExist lays every sample over the demo with all versions named, and looks up what its routes name.
func TestDestinationsExist(t *testing.T) {
	var demo []*config.Object
	for _, objects := range decode(t, samples.Demo()) {
		demo = append(demo, objects...)
	}
	bookinfo := decode(t, samples.Bookinfo())
	base := config.Set{}.With(config.Batch{Full: true, Upserts: demo}).With(config.Batch{Upserts: bookinfo["destination-rule-all.yaml"]})
	for name, objects := range bookinfo {
		set := base.With(config.Batch{Upserts: objects})
		for vs := range set.All(config.VirtualService) {
			for _, d := range destinations(vs.Spec.(*networking.VirtualService)) {
				checkDestination(t, name, set, d)
			}
		}
	}
}

func destinations(vs *networking.VirtualService) []*networking.Destination {
	var out []*networking.Destination
	for _, route := range vs.Http {
		for _, r := range route.Route {
			out = append(out, r.Destination)
		}
		if route.Mirror != nil {
			out = append(out, route.Mirror)
		}
	}
	for _, route := range vs.Tcp {
		for _, r := range route.Route {
			out = append(out, r.Destination)
		}
	}
	return out
}

func checkDestination(t *testing.T, name string, set config.Set, d *networking.Destination) {
	t.Helper()
	known := set.Get(config.Key{Kind: config.Service, Namespace: "default", Name: d.Host}) != nil
	for entry := range set.All(config.ServiceEntry) {
		known = known || entry.Spec.(*networking.ServiceEntry).Hosts[0] == d.Host
	}
	if !known {
		t.Errorf("%s: no service %q", name, d.Host)
	}
	if d.Subset == "" {
		return
	}
	for rule := range set.All(config.DestinationRule) {
		spec := rule.Spec.(*networking.DestinationRule)
		for _, subset := range spec.Subsets {
			if spec.Host == d.Host && subset.Name == d.Subset {
				return
			}
		}
	}
	t.Errorf("%s: %s has no subset %q", name, d.Host, d.Subset)
}

// TestReadmeNamesEverySample compares whole names, and short forms ("-80-20.yaml") by their end.
func TestReadmeNamesEverySample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("`([a-z0-9-]+\\.yaml)`").FindAllStringSubmatch(string(readme), -1)
	names, err := fs.Glob(samples.Bookinfo(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(shown, func(m []string) bool {
			return m[1] == name || strings.HasPrefix(m[1], "-") && strings.HasSuffix(name, m[1])
		}) {
			t.Errorf("README.md does not name %s", name)
		}
	}
	for _, m := range shown {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, m[1]) }) {
			t.Errorf("README.md names %s, which does not exist", m[1])
		}
	}
}

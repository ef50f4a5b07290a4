package translate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// FuzzTranslate wants nothing that Envoy's field rules forbid, and no duplicate that it refuses, of whatever YAML there is.
func FuzzTranslate(f *testing.F) {
	inputs, _ := filepath.Glob("testdata/*/input.yaml")
	for _, in := range inputs {
		text, err := os.ReadFile(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		for _, doc := range strings.Split(string(text), "\n---\n") {
			f.Add(doc)
		}
	}
	f.Fuzz(func(t *testing.T, text string) { valid(t, text) })
}

var scalar = regexp.MustCompile(`[:,\[] *("[^"]*"|[^ ,\[\]{}"\n:]+)`)

// FuzzScalar puts another value in one place of a configuration that is right otherwise: what is wrong in depth is found
// by it and not by random text.
func FuzzScalar(f *testing.F) {
	var texts []string
	inputs, _ := filepath.Glob("testdata/*/input.yaml")
	for i, in := range inputs {
		text, err := os.ReadFile(in)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, string(text))
		for j, value := range []string{"", "*", "%", "-1", "0", "99999999999", "1e400", "a b", "*.*", "A.Example.COM", ":path", "0s", "-5s", "65536", "a|b", "\\", "é", "null", "{}", "[]"} {
			f.Add(uint8(i), uint16(j*37), value)
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, at uint16, value string) {
		text := texts[int(n)%len(texts)]
		places := scalar.FindAllStringSubmatchIndex(text, -1)
		place := places[int(at)%len(places)]
		if encoded, err := json.Marshal(value); err == nil && value != "null" && value != "{}" && value != "[]" && !number64.MatchString(value) {
			value = string(encoded)
		}
		valid(t, text[:place[2]]+value+text[place[3]:])
	})
}

var number64 = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// acceptable translates a configuration for every kind of proxy.
func valid(t *testing.T, text string) {
	t.Helper()
	objects, _ := config.Decode("fuzz.yaml", strings.NewReader(text))
	s := mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: objects}), mesh.Options{})
	for kind, p := range proxies(s) {
		r := resourcesFor(s, p)
		r.each(func(m proto.Message) {
			if err := validate(m); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		})
		unique(t, kind, r)
	}
}

// unique checks what makes Envoy refuse a resource although every field is right.
func unique(t *testing.T, kind string, r *resources) {
	t.Helper()
	names := map[string]bool{}
	r.each(func(m proto.Message) {
		name := anyName(pack(m))
		if c, ok := m.(interface{ GetClusterName() string }); ok {
			name += c.GetClusterName()
		}
		if names[name] {
			t.Errorf("%s: %s twice", kind, name)
		}
		names[name] = true
	})
	for _, l := range r.listeners {
		matches := map[string]bool{}
		for _, c := range l.FilterChains {
			encoded, _ := proto.MarshalOptions{Deterministic: true}.Marshal(c.FilterChainMatch)
			if matches[string(encoded)] {
				t.Errorf("%s: %s has two chains for %v", kind, l.Name, c.FilterChainMatch)
			}
			matches[string(encoded)] = true
		}
		if len(l.FilterChains) == 0 && l.DefaultFilterChain == nil && l.ApiListener == nil {
			t.Errorf("%s: %s has no chain", kind, l.Name)
		}
	}
	for _, rc := range r.routes {
		domains, hosts := map[string]bool{}, map[string]bool{}
		for _, v := range rc.VirtualHosts {
			if hosts[v.Name] {
				t.Errorf("%s: route %s has two virtual hosts %s", kind, rc.Name, v.Name)
			}
			hosts[v.Name] = true
			for _, d := range v.Domains {
				if domains[strings.ToLower(d)] {
					t.Errorf("%s: route %s has domain %s twice", kind, rc.Name, d)
				}
				domains[strings.ToLower(d)] = true
			}
		}
	}
}

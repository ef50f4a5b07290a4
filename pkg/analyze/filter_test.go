package analyze_test

import (
	"slices"
	"testing"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func diagnostic(code codes.Code, kind config.Kind, namespace, name string) analyze.Diagnostic {
	return analyze.Diagnostic{Code: code, Object: config.Key{Kind: kind, Namespace: namespace, Name: name}, Message: string(code) + " " + kind.Name + " " + namespace + "/" + name}
}

func TestFilter(t *testing.T) {
	marked := diagnostic("IST0106", config.Service, "shop", "marked")
	marked.Source = config.New(config.Object{Key: marked.Object, Meta: config.Meta{Annotations: map[string]string{analyze.SuppressAnnotation: "IST0002, IST0106"}}})
	all := []analyze.Diagnostic{
		diagnostic("IST0101", config.VirtualService, "shop", "web"),
		diagnostic("IST0102", config.Namespace, "", "shop"),
		diagnostic("IST0106", config.Service, "pay", "api"),
		diagnostic("IST0106", config.Service, "kube-system", "dns"),
		{Code: "MSH0001", Message: "unreadable"},
		marked,
	}
	for _, c := range []struct {
		name       string
		filter     analyze.Filter
		want       []int
		suppressed int
	}{
		{"everything", analyze.Filter{}, []int{0, 1, 2, 4}, 1},
		{"system namespaces too", analyze.Filter{System: true}, []int{0, 1, 2, 3, 4}, 1},
		{"one namespace, and what has none", analyze.Filter{Namespace: "shop"}, []int{0, 1, 4}, 1},
		{"one kind, and what concerns no object", analyze.Filter{Kinds: []config.Kind{config.VirtualService}}, []int{0, 4}, 0},
		{"a rule", analyze.Filter{Suppress: []analyze.Suppression{{Code: "IST0101", Kind: "VirtualService", Object: "shop/web"}}}, []int{1, 2, 4}, 2},
		{"patterns", analyze.Filter{Suppress: []analyze.Suppression{{Code: "IST*", Kind: "*", Object: "*/*"}}}, []int{1, 4}, 3},
		{"everything of a code", analyze.Filter{Suppress: []analyze.Suppression{{Code: "IST0102", Kind: "*", Object: "*"}}}, []int{0, 2, 4}, 2},
		{"an object without a namespace", analyze.Filter{Suppress: []analyze.Suppression{{Code: "*", Kind: "Namespace", Object: "sh*"}}}, []int{0, 2, 4}, 2},
		{"another object", analyze.Filter{Suppress: []analyze.Suppression{{Code: "IST0101", Kind: "VirtualService", Object: "web"}}}, []int{0, 1, 2, 4}, 1},
	} {
		got, suppressed := c.filter.Apply(all)
		var want []analyze.Diagnostic
		for _, i := range c.want {
			want = append(want, all[i])
		}
		if !slices.EqualFunc(got, want, func(a, b analyze.Diagnostic) bool { return a.Message == b.Message }) || suppressed != c.suppressed {
			t.Errorf("%s: %v and %d suppressed, want %v and %d", c.name, got, suppressed, want, c.suppressed)
		}
	}
}

func TestMergeSaysTheSameOnce(t *testing.T) {
	a, b := diagnostic("IST0101", config.Service, "shop", "a"), diagnostic("IST0101", config.Service, "shop", "b")
	if got := analyze.Merge([]analyze.Diagnostic{b, a, b, a}); len(got) != 2 || got[0].Message != a.Message || got[1].Message != b.Message {
		t.Errorf("%v", got)
	}
}

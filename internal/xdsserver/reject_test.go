package xdsserver

import (
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/xds"
)

func TestOneBadResourceHoldsBackNothingElse(t *testing.T) {
	names := []string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"}
	resources := func(target string) (out []*xds.Resource) {
		for _, n := range names {
			out = append(out, route(n, target))
		}
		return out
	}
	m, s, address := serve(t, Options{}, resources("a")...)
	c := newDeltaClient(t, address)
	c.ask(xds.RouteType, names...)
	c.expect("RDS r0 r1 r2 r3 r4 r5 r6 r7")
	m.set(resources("b")...)
	// The message names nothing: halves, until r5 stands alone.
	for _, want := range []string{"r0 r1 r2 r3 r4 r5 r6 r7", "r0 r1 r2 r3", "r4 r5 r6 r7", "r4 r5", "r6 r7", "r4", "r5"} {
		c.want("RDS " + want)
		if strings.Contains(want, "r5") {
			c.nack(xds.RouteType, "invalid value")
		} else {
			c.ack(xds.RouteType)
		}
	}
	c.quiet()
	got := typeStatus(t, s, xds.RouteType)
	if got.State != Rejected || got.Pending || len(got.Rejections) != 1 || got.Rejections[0].Resource != "r5" || got.Rejections[0].Text != "invalid value" {
		t.Fatalf("got %+v", got)
	}
	// The message names it: the others at once.
	m.set(resources("c")...)
	c.want("RDS r0 r1 r2 r3 r4 r5 r6 r7")
	c.nack(xds.RouteType, "route configuration 'r2' has a duplicate domain")
	c.expect("RDS r0 r1 r3 r4 r5 r6 r7")
	c.quiet()
	got = typeStatus(t, s, xds.RouteType)
	if len(got.Rejections) != 1 || got.Rejections[0].Resource != "r2" {
		t.Fatalf("got %+v", got)
	}
	// What was rejected and has been replaced meanwhile is not sent again in its old form.
	m.set(resources("d")...)
	c.want("RDS r0 r1 r2 r3 r4 r5 r6 r7")
	first := c.last[xds.RouteType]
	m.set(append(resources("d")[:7], route("r7", "e"))...)
	c.want("RDS r7")
	second := c.last[xds.RouteType]
	c.last[xds.RouteType] = first
	c.nack(xds.RouteType, "r0 is bad")
	c.last[xds.RouteType] = second
	c.ack(xds.RouteType)
	c.expect("RDS r1 r2 r3 r4 r5 r6")
	c.quiet()
}

func TestOffenders(t *testing.T) {
	list := func(names ...string) (out []*xds.Resource) {
		for _, n := range names {
			out = append(out, &xds.Resource{Name: n})
		}
		return out
	}
	for _, test := range []struct {
		text  string
		names []string
		want  string
	}{
		{"Error adding/updating listener(s) 0.0.0.0_80: no address", []string{"0.0.0.0_80", "0.0.0.0_8080"}, "0.0.0.0_80"},
		{"Error adding/updating cluster(s) outbound|80||a.b: x, outbound|80|v1|a.b: y", []string{"outbound|80||a.b", "outbound|80|v1|a.b", "outbound|80|v1|a.b.c"}, "outbound|80||a.b outbound|80|v1|a.b"},
		{"retry 80 times in route", []string{"80", "81"}, ""},
		{"route '80': bad", []string{"80", "81"}, "80"},
		{"unknown cluster: see reviews.", []string{"reviews", "reviews.default"}, "reviews"},
		{"something else", []string{"only"}, "only"},
		{"", []string{"a", ""}, ""},
	} {
		var got []string
		for _, r := range offenders(list(test.names...), test.text) {
			got = append(got, r.Name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

package tap

import (
	"encoding/json"
	"net/url"
	"reflect"
	"testing"
	"time"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"/a", "/a", true}, {"/a", "/ab", false}, {"/a*", "/ab/c", true}, {"*", "", true}, {"/*/c", "/a/b/c", true},
		{"/*/c", "/c", false}, {"*a*a", "a", false}, {"*a*a", "aa", true}, {"", "", true}, {"", "x", false}, {"a**b", "ab", true}, {"a*b*c", "abbc", true},
	} {
		if got := glob(c.pattern, c.text); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

func TestMatch(t *testing.T) {
	e := Event{
		Side: Client, Protocol: "HTTP/1.1", Method: "GET", Path: "/a/b?q=1", Status: 503, DurationMs: 250, Authority: "web",
		Headers: map[string]string{"end-user": "jason"}, Destination: Peer{Service: "web.default.svc.cluster.local"},
	}
	for _, c := range []struct {
		f    Filter
		want bool
	}{
		{Filter{}, true},
		{Filter{Methods: []string{"PUT", "GET"}}, true}, {Filter{Methods: []string{"PUT"}}, false},
		{Filter{Paths: []string{"/a/*"}}, true}, {Filter{Paths: []string{"/a/b"}}, true}, {Filter{Paths: []string{"/a/b?q=2"}}, false},
		{Filter{Statuses: []Statuses{{500, 599}}}, true}, {Filter{Statuses: []Statuses{{}}}, false},
		{Filter{MinDuration: 250 * time.Millisecond}, true}, {Filter{MinDuration: 251 * time.Millisecond}, false},
		{Filter{Headers: []HeaderMatch{{"end-user", "j*"}, {"host", "web"}}}, true}, {Filter{Headers: []HeaderMatch{{"b3", "*"}}}, false},
		{Filter{Side: Server}, false}, {Filter{Hosts: []string{"other"}}, false}, {Filter{Hosts: []string{"web.default.svc.cluster.local"}}, true},
	} {
		if got := c.f.Match(&e); got != c.want {
			t.Errorf("%+v: %v", c.f, got)
		}
	}
	tcp := Event{Protocol: "TCP"}
	if (Filter{Statuses: []Statuses{{}}}).Match(&tcp) || (Filter{Paths: []string{"*"}}).Match(&tcp) {
		t.Error("a connection has neither a status nor a path")
	}
}

func TestStatuses(t *testing.T) {
	for text, want := range map[string]Statuses{
		"404": {404, 404}, "5xx": {500, 599}, "400-499": {400, 499}, ">=400": {400, 999}, ">499": {500, 999}, "<500": {1, 499}, "<=404": {1, 404}, "none": {},
	} {
		got, err := ParseStatuses(text)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if again, err := ParseStatuses(got.String()); err != nil || again != got {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5xz", "xx", "6xx", "500-400", "99", ">x", "1000", "-"} {
		if got, err := ParseStatuses(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestRef(t *testing.T) {
	reviews := Member{
		Instance: "reviews-v1-abc", Workload: "reviews-v1", Namespace: "shop", ServiceAccount: "reviews",
		Services: []string{"reviews.shop.svc.cluster.local", "api.example.com"},
	}
	for text, want := range map[string]bool{
		"deploy/reviews-v1": true, "reviews-v1.shop": true, "pod/reviews-v1-abc": true, "svc/reviews": true, "svc/reviews.shop": true,
		"svc/reviews.other": false, "ns/shop": true, "ns/default": false, "sa/reviews": true, "reviews": true, "svc/api.example.com": true,
		"deploy/reviews": false, "gateway/reviews-v1": false, "svc/reviews.shop.svc.cluster.local": true, "svc/api": false,
	} {
		r, err := ParseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Means(reviews, ""); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if r := (Ref{Kind: "workload", Name: "reviews-v1"}); r.Means(reviews, "default") || !r.Means(reviews, "shop") {
		t.Error("a name without a namespace is of the one given")
	}
	for _, text := range []string{"", "a/b/c", "nix/a", "svc/", "a b"} {
		if r, err := ParseRef(text); err == nil {
			t.Errorf("%q: %+v", text, r)
		}
	}
}

// FuzzParseRequest: what is understood is written as it is read, and agents get it unchanged.
func FuzzParseRequest(f *testing.F) {
	f.Add("target=deploy/a&from=svc/b&status=5xx&status=none&method=get&path=/a*&header=b3=1&minDuration=2s&rate=5&sample=10&side=client&namespace=n")
	f.Add("header=x&header==&rate=-1")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		r, err := ParseRequest(q)
		if err != nil {
			return
		}
		again, err := ParseRequest(r.Query())
		if err != nil || !reflect.DeepEqual(again.Query(), r.Query()) {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
		encoded, err := json.Marshal(r.Filter)
		if err != nil {
			t.Fatal(err)
		}
		var filter Filter
		if err := json.Unmarshal(encoded, &filter); err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		filter.Match(&Event{Path: text, Headers: map[string]string{"b3": text}})
	})
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		e    Event
		want string
	}{
		{Event{Status: 200, Details: "via_upstream"}, ""},
		{Event{Flags: []string{"UF", "URX"}, Failure: "TLS_error: x"}, "no connection could be made to the destination; given up after the allowed retries or connection attempts; TLS_error: x"},
		{Event{Flags: []string{"NEW"}}, "NEW"},
		{Event{Status: 403, Details: "rbac_access_denied_matched_policy[none]"}, "refused by an AuthorizationPolicy"},
	} {
		if got := c.e.Explain(); got != c.want {
			t.Errorf("%+v: %q", c.e, got)
		}
	}
}

func TestBucket(t *testing.T) {
	b, now := NewBucket(2), time.Unix(0, 0)
	takes := func(want int, why string) {
		t.Helper()
		got := 0
		for b.Take(now) {
			got++
		}
		if got != want {
			t.Errorf("%d passed, want %d: %s", got, want, why)
		}
	}
	takes(2, "it is full at first")
	now = now.Add(500 * time.Millisecond)
	takes(1, "half a second gives one")
	now = now.Add(-time.Hour)
	takes(0, "a clock that was set back gives nothing")
	now = now.Add(time.Hour)
	takes(2, "a pause gives no more than a second does")
}

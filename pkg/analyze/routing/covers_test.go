package routing

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	networking "istio.io/api/networking/v1alpha3"
)

// words are values and what matches are made of: few letters, so that they meet often.
var words = []string{"", "/", "/a", "/A", "/ab", "/a/b", "/b", "a", "ab", "b", "AB", "1"}

func randomMatch(r *rand.Rand) *networking.StringMatch {
	word := words[r.IntN(len(words))]
	switch r.IntN(5) {
	case 0:
		return &networking.StringMatch{MatchType: &networking.StringMatch_Exact{Exact: word}}
	case 1:
		return &networking.StringMatch{MatchType: &networking.StringMatch_Prefix{Prefix: word}}
	case 2:
		return &networking.StringMatch{}
	}
	forms := []string{"%s.*", "^%s.*$", "%s", "%s(.*)", "%s[ab]*", "(%s|b).*", "(?i)%s.*", "%s.+", ".*%s", "%s?.*", "*"}
	form := forms[r.IntN(len(forms))]
	if strings.Contains(form, "%s") {
		form = fmt.Sprintf(form, word)
	}
	return &networking.StringMatch{MatchType: &networking.StringMatch_Regex{Regex: form}}
}

// TestCoversIsNeverWrong: a pattern that is said to cover another takes every value that the other takes.
func TestCoversIsNeverWrong(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	covered := 0
	for range 60_000 {
		a, b := randomMatch(r), randomMatch(r)
		p, okP := patternOf(a, r.IntN(4) == 0)
		q, okQ := patternOf(b, r.IntN(4) == 0)
		if !okP || !okQ || !p.covers(q) {
			continue
		}
		covered++
		for _, v := range words {
			for _, w := range words {
				if value := v + w; q.takes(value) && !p.takes(value) {
					t.Fatalf("%v (fold %v) is said to cover %v (fold %v), but only the latter takes %q", a, p.fold, b, q.fold, value)
				}
			}
		}
	}
	if covered < 3_000 {
		t.Errorf("only %d pairs cover", covered)
	}
}

// message is a request with few headers.
type message struct {
	path, method   string
	headers, query map[string]string
}

// matches evaluates a match as the proxy does, straight from its definition.
func (r *request) matches(m message) bool {
	if !r.uri.takes(m.path) || !r.method.takes(m.method) {
		return false
	}
	for _, list := range []struct {
		want map[string]pattern
		have map[string]string
	}{{r.headers, m.headers}, {r.query, m.query}} {
		for name, p := range list.want {
			if v, there := list.have[name]; !there || !p.takes(v) {
				return false
			}
		}
	}
	for name, p := range r.without {
		v, there := m.headers[name]
		if p.kind == anyValue && there || p.kind != anyValue && p.takes(v) {
			return false
		}
	}
	return true
}

func randomRequest(r *rand.Rand) (request, bool) {
	m := &networking.HTTPMatchRequest{Headers: map[string]*networking.StringMatch{}, WithoutHeaders: map[string]*networking.StringMatch{}, QueryParams: map[string]*networking.StringMatch{}}
	if r.IntN(2) == 0 {
		m.Uri = randomMatch(r)
	}
	if r.IntN(4) == 0 {
		m.Method = randomMatch(r)
	}
	for _, list := range []map[string]*networking.StringMatch{m.Headers, m.WithoutHeaders, m.QueryParams} {
		for _, name := range []string{"x", "y"} {
			if r.IntN(4) == 0 {
				list[name] = randomMatch(r)
			}
		}
	}
	return requestOf(m, []string{"mesh"})
}

func randomMessage(r *rand.Rand) message {
	m := message{path: "/" + words[r.IntN(len(words))], method: words[r.IntN(len(words))], headers: map[string]string{}, query: map[string]string{}}
	for _, list := range []map[string]string{m.headers, m.query} {
		for _, name := range []string{"x", "y"} {
			if r.IntN(2) == 0 {
				list[name] = words[r.IntN(len(words))]
			}
		}
	}
	return m
}

// TestShadowIsNeverWrong: a match that is said to take all requests of another takes each of them.
func TestShadowIsNeverWrong(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	messages := make([]message, 600)
	for i := range messages {
		messages[i] = randomMessage(r)
	}
	covered := 0
	for range 60_000 {
		a, okA := randomRequest(r)
		b, okB := randomRequest(r)
		if !okA || !okB || !a.covers(&b) || a.all() {
			continue
		}
		covered++
		for _, m := range messages {
			if b.matches(m) && !a.matches(m) {
				t.Fatalf("%+v is said to cover %+v, but only the latter takes %+v", a, b, m)
			}
		}
	}
	if covered < 300 {
		t.Errorf("only %d pairs cover", covered)
	}
}

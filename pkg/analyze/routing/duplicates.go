package routing

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// written form of one rule of any kind.
type ruleText struct {
	field   string
	name    string
	matches []proto.Message
	// conditional: it hands over to a delegate, which may leave requests to later rules.
	conditional bool
}

func (r ruleText) match(i int) string { return at(r.field+".match", i) }

func (r ruleText) String() string {
	if r.name != "" {
		return fmt.Sprintf("%s (%s)", r.field, r.name)
	}
	return r.field
}

// ruleTexts are the rules of a VirtualService, those of each kind by themselves.
func ruleTexts(v *mesh.Virtual) [][]ruleText {
	out := make([][]ruleText, 3)
	for i, r := range v.Own.GetHttp() {
		out[0] = append(out[0], ruleText{at("spec.http", i), r.GetName(), messages(r.GetMatch()), r.GetDelegate() != nil})
	}
	for i, r := range v.Own.GetTls() {
		out[1] = append(out[1], ruleText{at("spec.tls", i), "", messages(r.GetMatch()), false})
	}
	for i, r := range v.Own.GetTcp() {
		out[2] = append(out[2], ruleText{at("spec.tcp", i), "", messages(r.GetMatch()), false})
	}
	return out
}

func messages[M proto.Message](list []M) []proto.Message {
	var out []proto.Message
	for _, m := range list {
		out = append(out, m)
	}
	return out
}

// told are the fields of which something was said already.
type told map[string]bool

// reportDuplicates reports what can be seen by comparing texts: rules behind one without matches, and matches that stand there twice.
func reportDuplicates(p *analyze.Pass, v *mesh.Virtual, rules []ruleText, told told) {
	report := func(code codes.Code, field, message string, winner ruleText, at string) {
		told[field] = true
		p.Report(analyze.Finding{Code: code, Object: v.Object, Field: field, Message: message, Related: related(v.Object, at, "requests go to "+winner.String())})
	}
	first := map[string]place{}
	open := -1 // the first rule without matches
	for i, r := range rules {
		if open >= 0 {
			report(codes.RouteUnreachable, r.field, fmt.Sprintf("the rule is never reached: %s has no match and takes everything", rules[open]), rules[open], rules[open].field)
			continue
		}
		if len(r.matches) == 0 {
			if !r.conditional {
				open = i
			}
			continue
		}
		repeated := 0
		for j, m := range r.matches {
			key := textOf(m)
			if before, ok := first[key]; ok {
				repeated++
				report(codes.MatchOverlaps, r.match(j), fmt.Sprintf("the match repeats %s, which comes first; this one has no effect", rules[before.rule].match(before.match)),
					rules[before.rule], rules[before.rule].match(before.match))
			} else if !r.conditional {
				first[key] = place{i, j}
			}
		}
		if repeated == len(r.matches) {
			report(codes.RouteUnreachable, r.field, "the rule is never reached: rules before it have all of its matches", r, r.match(0))
		}
	}
}

type place struct{ rule, match int }

// textOf is what a match says apart from its name.
func textOf(m proto.Message) string {
	if h, ok := m.(*networking.HTTPMatchRequest); ok && h.GetName() != "" {
		h = proto.CloneOf(h)
		h.Name = ""
		m = h
	}
	text, _ := proto.MarshalOptions{Deterministic: true}.Marshal(m) // a message from a document always has a text
	return string(text)
}

// reportOverlaps reports matches whose prefix an earlier prefix covers, where both say the same of all else: the case of Istio's message
// on overlaps.
func reportOverlaps(p *analyze.Pass, v *mesh.Virtual, told told) {
	type entry struct {
		place
		match *networking.HTTPMatchRequest
		rest  string // what it says apart from the prefix
		as    request
	}
	var list []entry
	for i, r := range v.Own.GetHttp() {
		if told[at("spec.http", i)] {
			continue
		}
		for j, m := range r.GetMatch() {
			as, ok := requestOf(m, v.Bound())
			if m.GetUri().GetPrefix() == "" || !ok {
				continue
			}
			e := entry{place{i, j}, m, restOf(m), as}
			field := at(at("spec.http", i)+".match", j)
			if told[field] {
				continue
			}
			at := slices.IndexFunc(list, func(b entry) bool {
				prefix := b.match.GetUri().GetPrefix()
				return prefix != m.GetUri().GetPrefix() && strings.HasPrefix(m.GetUri().GetPrefix(), prefix) && b.rest == e.rest && b.as.covers(&e.as)
			})
			if at >= 0 {
				b := list[at]
				winner := fmt.Sprintf("spec.http[%d].match[%d]", b.rule, b.place.match)
				told[field] = true
				p.Report(analyze.Finding{
					Code: codes.MatchOverlaps, Object: v.Object, Field: field,
					Message: fmt.Sprintf("the prefix %s is covered by %s of %s, which comes first; the match has no effect", m.GetUri().GetPrefix(), b.match.GetUri().GetPrefix(), winner),
					Related: related(v.Object, winner, "requests go here"),
				})
			}
			if r.GetDelegate() == nil {
				list = append(list, e)
			}
		}
	}
}

// restOf is what a match says apart from its path and name. Without a method it is taken for one of GET, as Istio's message does.
func restOf(m *networking.HTTPMatchRequest) string {
	m = proto.CloneOf(m)
	m.Name, m.Uri, m.StatPrefix, m.IgnoreUriCase = "", nil, "", false
	if m.GetMethod().GetExact() == "GET" {
		m.Method = nil
	}
	return textOf(m)
}

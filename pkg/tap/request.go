package tap

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// DefaultRate is how many requests a second of one proxy a viewer is shown unless it says otherwise.
	DefaultRate = 100
	// MaxRate is the most.
	MaxRate = 1000
	// most bounds the values of one list of a request.
	most = 64
)

// Request is what a viewer wants to see.
type Request struct {
	// Targets are whose proxies to look at, on all their sides. With none, those of From are, else all: who sends something to To knows best
	// what became of it.
	Targets []Ref
	// From and To are between whom; none is anybody.
	From, To []Ref
	// Namespace is that of names which say none, and of the proxies when nothing is named; empty for all.
	Namespace string
	Filter    Filter
	// Rate is how many requests a second of one proxy are shown at most; what is more is counted.
	Rate int
	// Sample is the percentage of requests that proxies report, 1 to 100.
	Sample int
}

// Query is the request as the query of a URL.
func (r Request) Query() url.Values {
	q := url.Values{}
	for key, refs := range map[string][]Ref{"target": r.Targets, "from": r.From, "to": r.To} {
		for _, ref := range refs {
			q.Add(key, ref.String())
		}
	}
	for _, m := range r.Filter.Methods {
		q.Add("method", m)
	}
	for _, p := range r.Filter.Paths {
		q.Add("path", p)
	}
	for _, s := range r.Filter.Statuses {
		q.Add("status", s.String())
	}
	for _, h := range r.Filter.Headers {
		q.Add("header", h.String())
	}
	for key, value := range map[string]string{"namespace": r.Namespace, "side": string(r.Filter.Side)} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if r.Filter.MinDuration > 0 {
		q.Set("minDuration", r.Filter.MinDuration.String())
	}
	for key, n := range map[string]int{"rate": r.Rate, "sample": r.Sample} {
		if n != 0 {
			q.Set(key, strconv.Itoa(n))
		}
	}
	return q
}

// ParseRequest reads what Query writes. What is wrong is said in words for whoever wrote it.
func ParseRequest(q url.Values) (Request, error) {
	out := Request{Namespace: q.Get("namespace"), Rate: DefaultRate, Sample: 100}
	for key, values := range q {
		if len(values) > most {
			return out, fmt.Errorf("%s is given %d times, more than %d", key, len(values), most)
		}
	}
	var err error
	list := func(key string, add func(string) error) {
		for _, v := range q[key] {
			if err == nil {
				err = add(v)
			}
		}
	}
	for key, into := range map[string]*[]Ref{"target": &out.Targets, "from": &out.From, "to": &out.To} {
		list(key, appendTo(into, ParseRef))
	}
	list("method", func(v string) error {
		out.Filter.Methods = append(out.Filter.Methods, strings.ToUpper(v))
		return nil
	})
	list("path", func(v string) error {
		out.Filter.Paths = append(out.Filter.Paths, v)
		return nil
	})
	list("status", appendTo(&out.Filter.Statuses, ParseStatuses))
	list("header", appendTo(&out.Filter.Headers, ParseHeader))
	list("side", func(v string) (err error) {
		out.Filter.Side, err = ParseSide(v)
		return err
	})
	list("minDuration", func(v string) (err error) {
		out.Filter.MinDuration, err = time.ParseDuration(v)
		return err
	})
	list("rate", bounded(&out.Rate, "the rate", MaxRate))
	list("sample", bounded(&out.Sample, "the sample", 100))
	return out, err
}

func appendTo[T any](into *[]T, parse func(string) (T, error)) func(string) error {
	return func(text string) error {
		v, err := parse(text)
		*into = append(*into, v)
		return err
	}
}

func bounded(into *int, what string, highest int) func(string) error {
	return func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > highest {
			return fmt.Errorf("%s is %q: give a number from 1 to %d", what, text, highest)
		}
		*into = n
		return nil
	}
}

// ParseSide reads client, server or gateway; empty is any.
func ParseSide(text string) (Side, error) {
	s := Side(text)
	if s != "" && !slices.Contains([]Side{Client, Server, Edge}, s) {
		return "", fmt.Errorf("side %q: use %s, %s or %s", text, Client, Server, Edge)
	}
	return s, nil
}

// Line is one of the answer: either an Event, or a Status, with which the answer begins and which is repeated when it changes.
type Line struct {
	Event  *Event  `json:"event,omitempty"`
	Status *Status `json:"status,omitempty"`
}

// Status is how looking goes.
type Status struct {
	// Proxies are looked at; Reporting of them have said that they report.
	Proxies   int `json:"proxies"`
	Reporting int `json:"reporting"`
	// Silent names proxies that do not report, with the reason.
	Silent []Silent `json:"silent,omitempty"`
	// Dropped counts requests that met the filter and are not shown, since there were more than the rate allows or the viewer was too slow.
	Dropped uint64 `json:"dropped"`
	// Sample is the lowest percentage of requests that any proxy reports now: less than was asked for where there are very many.
	Sample int `json:"sample"`
	// Headers are those that can be compared.
	Headers []string `json:"headers,omitempty"`
}

// Silent is a proxy that does not report.
type Silent struct {
	Proxy  string `json:"proxy"`
	Reason string `json:"reason"`
}

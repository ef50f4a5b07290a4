package tap

import (
	"strings"
	"testing"
)

func TestRedactPath(t *testing.T) {
	for in, want := range map[string]string{
		"/a/b?x=1&y=2":                          "/a/b?x=1&y=2",
		"/a?token=s":                            "/a?token=REDACTED",
		"/a?x=1&Access_Token=s&y=2":             "/a?x=1&Access_Token=REDACTED&y=2",
		"/a?client-secret=s;x=1":                "/a?client-secret=REDACTED;x=1",
		"/a?p%61ssword=s":                       "/a?p%61ssword=REDACTED",
		"/a?p%2561ssword=s":                     "/a?p%2561ssword=REDACTED",
		"/a?%zz=s":                              "/a?%zz=REDACTED",
		"/a?X-Amz-Signature=s&X-Amz-Date=1":     "/a?X-Amz-Signature=REDACTED&X-Amz-Date=1",
		"/cb?code=s&state=t":                    "/cb?code=REDACTED&state=REDACTED",
		"/a;jsessionid=s/b":                     "/a;jsessionid=REDACTED/b",
		"/a?next=/b%3Ftoken%3Ds":                "/a?next=/b%3FREDACTED",
		"http://u:s@host/a":                     "http://REDACTED@host/a",
		"https://host/#access_token=s&x=1":      "https://host/#access_token=REDACTED&x=1",
		"/a?x=1#access_token=s":                 "/a?x=1#access_token=REDACTED",
		"/a?token":                              "/a?token",
		"/a?token=":                             "/a?token=",
		"":                                      "",
		"/a?author=me&keyboard=de&monkey=yes#f": "/a?author=me&keyboard=de&monkey=yes#f",
	} {
		if got := RedactPath(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	e := &Event{Path: "/?sig=s", Headers: map[string]string{
		"authorization": "s", "x-api-key": "s", "referer": "https://a/?token=s", "accept": "*/*", "x-session-id": "s",
	}}
	e.Redact()
	for name, value := range e.Headers {
		if name != "accept" && !strings.Contains(value, Redacted) {
			t.Errorf("%s: %s", name, value)
		}
	}
	if e.Headers["accept"] != "*/*" || e.Path != "/?sig=REDACTED" {
		t.Errorf("%+v", e)
	}
}

// FuzzRedactPath: a secret does not survive, whatever stands around it, and redacting twice changes nothing.
func FuzzRedactPath(f *testing.F) {
	for _, seed := range []string{"/a", "/a?x=1", "/a;b=c/d", "?", "#", "http://u@h/", "/a?x=%3F", "&&=;=", "%"} {
		f.Add(seed, "&y=2")
	}
	const secret = "5ecre7"
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before, secret) || strings.Contains(after, secret) || strings.Contains(before, "#") {
			return
		}
		separator := "?"
		if strings.Contains(before, "?") {
			separator = "&"
		}
		got := RedactPath(before + separator + "access_token=" + secret + "&" + after)
		if strings.Contains(got, secret) {
			t.Errorf("%q", got)
		}
		if again := RedactPath(got); again != got {
			t.Errorf("%q became %q", got, again)
		}
	})
}

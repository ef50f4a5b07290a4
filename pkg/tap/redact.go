package tap

import (
	"net/url"
	"strings"
)

// Redacted stands for what must not be shown.
const Redacted = "REDACTED"

// secretHeaders are names of headers whose values are secrets, and of query parameters, of which there are more.
var secretHeaders = [...]string{
	"authorization", "proxy-authorization", "cookie", "set-cookie", "x-forwarded-client-cert", "x-forwarded-access-token", "x-csrftoken", "x-xsrf-token",
}

var secretWords = [...]string{
	"accesskey", "apikey", "assertion", "auth", "bearer", "credential", "csrf", "jwt", "nonce", "otp", "passcode", "passphrase", "passwd",
	"password", "privatekey", "samlrequest", "samlresponse", "secret", "session", "signature", "token", "verifier", "xsrf",
}

// secretParameters are further names of query parameters.
var secretParameters = [...]string{"code", "key", "pass", "pin", "pw", "pwd", "sas", "sid", "sig", "state", "ticket"}

// harmless are names that only look like those of secrets.
var harmless = [...]string{":authority", "authority", "author", "authors", "www-authenticate"}

// SecretHeader reports whether the values of a header must not be shown: credentials, cookies, and whatever is named like them.
func SecretHeader(name string) bool {
	name = strings.ToLower(name)
	for _, s := range secretHeaders {
		if name == s {
			return true
		}
	}
	return secretWord(name)
}

func secretWord(name string) bool {
	for _, h := range harmless {
		if name == h {
			return false
		}
	}
	plain := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, name)
	for _, w := range secretWords {
		if strings.Contains(plain, w) {
			return true
		}
	}
	return false
}

// secretParameter reports whether the values of a query parameter must not be shown; name is as it was sent, encoded.
func secretParameter(name string) bool {
	for range 3 { // also when it was encoded more than once, as proxies in front of us may decode
		decoded, err := url.QueryUnescape(name)
		if err != nil {
			return true // who knows what it is
		}
		if decoded == name {
			break
		}
		name = decoded
	}
	name = strings.ToLower(strings.TrimSpace(name))
	for _, p := range secretParameters {
		if name == p {
			return true
		}
	}
	return secretWord(name)
}

// RedactPath takes the values of secrets out of a path with a query, or of a whole URL: those of parameters in the query, in the fragment
// and after a semicolon, and the password of a user. Everything else stays as it is, byte by byte.
func RedactPath(path string) string {
	head, query, found := strings.Cut(path, "?")
	head = redactMatrix(redactUser(head))
	if !found {
		return redactFragment(head)
	}
	return head + "?" + redactQuery(query)
}

func redactFragment(head string) string {
	before, fragment, found := strings.Cut(head, "#")
	if !found {
		return head
	}
	return before + "#" + redactQuery(fragment)
}

// redactUser hides what stands before an @ in the authority of a URL.
func redactUser(head string) string {
	scheme, rest, found := strings.Cut(head, "://")
	if !found {
		return head
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = Redacted + authority[i:]
	}
	return scheme + "://" + authority + path
}

// redactMatrix hides parameters of segments: /a;jsessionid=1234/b.
func redactMatrix(head string) string {
	if !strings.Contains(head, ";") {
		return head
	}
	segments := strings.Split(head, "/")
	for i, s := range segments {
		segments[i] = redactList(s, ";")
	}
	return strings.Join(segments, "/")
}

// redactQuery hides parameters that are separated by & or, as some servers take it, by a semicolon.
func redactQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, p := range parts {
		parts[i] = redactList(p, ";")
	}
	return strings.Join(parts, "&")
}

// redactList hides the values of a list of NAME=VALUE. A # begins another: https://host/?a=b#access_token=c.
func redactList(list, separator string) string {
	parts := strings.Split(list, separator)
	for i, p := range parts {
		name, value, found := strings.Cut(p, "=")
		if !found || value == "" {
			continue
		}
		if secretParameter(name) {
			parts[i] = name + "=" + Redacted
			continue
		}
		if before, fragment, found := strings.Cut(value, "#"); found {
			parts[i] = name + "=" + before + "#" + redactList(fragment, separator)
		}
		if nested := nestedURL(value); nested != "" {
			parts[i] = name + "=" + nested
		}
	}
	return strings.Join(parts, separator)
}

// nestedURL hides the whole query of a URL that is itself a value, encoded; empty when value holds none. What exactly is secret in it
// cannot be cut out of the encoding.
func nestedURL(value string) string {
	lower := strings.ToLower(value)
	for _, mark := range [...]string{"%3f", "%253f"} {
		if i := strings.Index(lower, mark); i >= 0 {
			return value[:i+len(mark)] + Redacted
		}
	}
	if i := strings.IndexByte(value, '?'); i >= 0 {
		return value[:i+1] + Redacted
	}
	return ""
}

// Redact takes the values of secrets out of an event. It is done where the event arises, and nothing else ever leaves the proxy's side.
func (e *Event) Redact() {
	e.Path = RedactPath(e.Path)
	for name, value := range e.Headers {
		switch {
		case SecretHeader(name):
			e.Headers[name] = Redacted
		case strings.Contains(value, "?") || strings.Contains(value, "://"): // referer, origin and whatever else holds a URL
			e.Headers[name] = RedactPath(value)
		}
	}
}

package proxyconfig

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// redacted is Envoy's own replacement.
const redacted = "[redacted]"

// sensitive names fields whose content is secret, in both spellings: those that Envoy's API marks so, and providers of
// private keys.
func sensitive(field string) bool {
	switch field {
	case "private_key", "privateKey", "private_key_provider", "privateKeyProvider", "password", "pkcs12",
		"backend_token", "backendToken", "session_ticket_keys", "sessionTicketKeys", "generic_secret", "genericSecret",
		"secret_access_key", "secretAccessKey", "session_token", "sessionToken":
		return true
	default:
		return false
	}
}

// redact replaces secrets in place. Envoy redacts its own dumps; what a control plane or a careless tool wrote goes
// through the same sieve, and anything that looks like a private key is replaced wherever it stands.
func redact(v any) {
	walk(v, func(t Tree) {
		for name, value := range t {
			switch {
			case sensitive(name):
				t[name] = hide(value)
			case (name == "value" || name == "raw_value" || name == "rawValue") && credentialHeader(text(t, "key")):
				t[name] = redacted
			case name == "local_jwks" || name == "localJwks":
				hideSecretKeys(value)
			default:
				t[name] = hideKeys(name, value)
			}
		}
	})
}

// hide replaces every string below v, keeping its shape. Files and environment variables are only named, not shown.
func hide(v any) any {
	switch v := v.(type) {
	case Tree:
		for name, value := range v {
			switch name {
			case "filename", "environment_variable", "environmentVariable", "@type", "provider_name", "providerName":
			case "inline_bytes", "inlineBytes":
				v[name] = base64.StdEncoding.EncodeToString([]byte(redacted))
			default:
				v[name] = hide(value)
			}
		}
		return v
	case []any:
		for i := range v {
			v[i] = hide(v[i])
		}
		return v
	case string:
		return redacted
	default:
		return v
	}
}

// credentialWords are parts of the names of headers that carry credentials.
var credentialWords = [...]string{"authorization", "cookie", "token", "api-key", "apikey", "secret", "password", "credential"}

func credentialHeader(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(credentialWords[:], func(w string) bool { return strings.Contains(name, w) })
}

// secretParameters are the members of a JSON Web Key that only the issuer may know (RFC 7518): of symmetric keys, and of private ones.
var secretParameters = [...]string{"k", "d", "p", "q", "dp", "dq", "qi", "oth"}

// hideSecretKeys hides a JSON Web Key Set that stands in the configuration when there is more than public keys in it.
func hideSecretKeys(source any) {
	t, _ := source.(Tree)
	for _, name := range [...]string{"inline_string", "inlineString", "inline_bytes", "inlineBytes"} {
		set, found := t[name].(string)
		if !found {
			continue
		}
		bytes := strings.HasSuffix(strings.ToLower(name), "bytes")
		if raw, err := base64.StdEncoding.DecodeString(set); bytes && err == nil {
			set = string(raw)
		}
		if publicKeys(set) {
			continue
		}
		if t[name] = redacted; bytes {
			t[name] = base64.StdEncoding.EncodeToString([]byte(redacted))
		}
	}
}

func publicKeys(set string) bool {
	var parsed struct {
		Keys []map[string]any `json:"keys"`
	}
	if json.Unmarshal([]byte(set), &parsed) != nil {
		return false
	}
	for _, key := range parsed.Keys {
		for _, secret := range secretParameters {
			if _, has := key[secret]; has {
				return false
			}
		}
	}
	return true
}

// hideKeys replaces strings that hold a PEM private key, also in base64.
func hideKeys(name string, v any) any {
	switch v := v.(type) {
	case string:
		if holdsKey(v) {
			return redacted
		}
		if name == "inline_bytes" || name == "inlineBytes" {
			if raw, err := base64.StdEncoding.DecodeString(v); err == nil && holdsKey(string(raw)) {
				return base64.StdEncoding.EncodeToString([]byte(redacted))
			}
		}
	case []any:
		for i := range v {
			v[i] = hideKeys(name, v[i])
		}
	}
	return v
}

func holdsKey(s string) bool { return strings.Contains(s, "PRIVATE KEY-----") }

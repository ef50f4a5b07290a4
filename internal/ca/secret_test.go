package ca

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestPrivateKeyNeverShows(t *testing.T) {
	const secret = "hush-hush"
	type holder struct {
		Key    PrivateKey
		hidden PrivateKey
		Ptr    *PrivateKey
	}
	key := NewPrivateKey([]byte(secret))
	h := holder{key, key, &key}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
		for _, v := range []any{key, &key, h, &h, []PrivateKey{key}, map[string]PrivateKey{"k": key}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		data, err := marshal(map[string]any{"value": key, "pointer": &key, "in": h.Key})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), redacted) {
			t.Errorf("encoded as %s", data)
		}
		out.Write(data)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", key, "holder", h)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", key, "holder", h)
	for _, leak := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), "104 117 115"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the secret shows as %q", leak)
		}
	}
	if string(h.hidden.Reveal()) != secret || (PrivateKey{}).Reveal() != nil {
		t.Error("Reveal does not return the secret")
	}
}

func TestAuthorityAndTokensNeverShowKeys(t *testing.T) {
	c := newClock()
	a, tokens := testAuthority(t, c), testTokens(t, c)
	if got := fmt.Sprintf("%+v %#v", a, a); strings.Contains(got, "0x") || !strings.Contains(got, "certificate authority of cluster.local") {
		t.Errorf("authority shows as %s", got)
	}
	if got := fmt.Sprintf("%v %+v", tokens, *tokens); strings.Contains(got, string(tokens.key.Reveal())) {
		t.Error("tokens show their key")
	}
}

func TestDecodeKeyRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":        "no PEM private key",
		"garbage": "no PEM private key",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n": "decrypt it first",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n":                     "asn1",
	} {
		if _, err := decodeKey([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("decodeKey(%q): %v, want %q", in, err, want)
		}
	}
}

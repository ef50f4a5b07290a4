package ca

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestTokens(t *testing.T) {
	c, store := newClock(), testStore(t)
	tokens, err := OpenTokens(store, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Issue("default", "bookinfo-reviews", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	// Another process with the same state directory verifies it: the CLI issues, meshd verifies.
	other, err := OpenTokens(store, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // until it ends it can be used again: an agent whose first answer was lost must not be stuck
		if id, err := other.Authenticate(t.Context(), token); err != nil || id != reviews {
			t.Errorf("identity %v, %v", id, err)
		}
	}
	c.add(time.Hour)
	if _, err := other.Verify(token); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired token: %v", err)
	}
	c.add(-2 * time.Hour)
	if _, err := other.Verify(token); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("a token from the future: %v", err)
	}
}

func TestTokensRefuse(t *testing.T) {
	c := newClock()
	tokens, foreign := testTokens(t, c), testTokens(t, c)
	good, err := tokens.Issue("default", "bookinfo-reviews", 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := foreign.Issue("default", "bookinfo-reviews", 0)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	forge := func(body string) string {
		signed := parts[0] + "." + encode64([]byte(body))
		return signed + "." + encode64(tokens.mac(signed))
	}
	rest := `,"iss":"meshctl","exp":99999999999}`
	for name, tc := range map[string]struct{ token, want string }{
		"empty":            {"", "three parts"},
		"two parts":        {parts[0] + "." + parts[1], "three parts"},
		"four parts":       {good + ".x", "three parts"},
		"long":             {strings.Repeat("a", maxToken+1), "more than"},
		"another mesh's":   {theirs, "not signed by this mesh"},
		"no signature":     {parts[0] + "." + parts[1] + ".", "not signed"},
		"alg none":         {encode64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".", "not signed"},
		"other body":       {parts[0] + "." + encode64([]byte(`{}`)) + "." + parts[2], "not signed"},
		"padded":           {good + "=", "not signed"},
		"not JSON":         {forge("x"), "JSON"},
		"no expiry":        {forge(`{"sub":"system:serviceaccount:a:b","aud":"istio-ca","iss":"meshctl"}`), "expired"},
		"other audience":   {forge(`{"sub":"system:serviceaccount:a:b","aud":["api","x"]` + rest), "audience"},
		"other issuer":     {forge(`{"sub":"system:serviceaccount:a:b","aud":"istio-ca","iss":"x","exp":99999999999}`), "audience"},
		"a user":           {forge(`{"sub":"system:node:a","aud":"istio-ca"` + rest), "not a service account"},
		"no account":       {forge(`{"sub":"system:serviceaccount:a","aud":"istio-ca"` + rest), "not a service account"},
		"slash in account": {forge(`{"sub":"system:serviceaccount:a:b/sa/c","aud":"istio-ca"` + rest), "not a service account"},
	} {
		id, err := tokens.Verify(tc.token)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %v; want %q", name, id, err, tc.want)
		}
		if err != nil && tc.token != "" && strings.Contains(err.Error(), tc.token) {
			t.Errorf("%s: the error shows the token", name)
		}
	}
	if id, err := tokens.Verify(forge(`{"sub":"system:serviceaccount:a:b","aud":["x","istio-ca"]` + rest)); err != nil || id.Namespace != "a" {
		t.Errorf("a list of audiences: %v, %v", id, err)
	}
}

func TestIssueRefuses(t *testing.T) {
	tokens := testTokens(t, newClock())
	for _, id := range [][2]string{{"", "a"}, {"a", ""}, {"a:b", "c"}, {"A", "b"}} {
		if token, err := tokens.Issue(id[0], id[1], 0); err == nil {
			t.Errorf("issued %q for %q", token, id)
		}
	}
}

func TestDamagedTokenKey(t *testing.T) {
	store := testStore(t)
	if err := os.WriteFile(store.Path(tokenFile), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTokens(store, Options{}); err == nil || !strings.Contains(err.Error(), store.Path(tokenFile)) {
		t.Errorf("error: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	tokens := testTokens(f, newClock())
	good, err := tokens.Issue("default", "bookinfo-reviews", 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, in string) {
		if id, err := tokens.Verify(in); err == nil && in != good {
			t.Errorf("accepted %q for %v", in, id)
		}
	})
}

// FuzzVerifySigned fuzzes what is behind the signature.
func FuzzVerifySigned(f *testing.F) {
	tokens := testTokens(f, newClock())
	f.Add(`{"sub":"system:serviceaccount:a:b","aud":["istio-ca"],"iss":"meshctl","exp":99999999999}`)
	f.Add(`{"aud":{}}`)
	f.Fuzz(func(t *testing.T, body string) {
		signed := encode64([]byte(jwtHeader)) + "." + encode64([]byte(body))
		if id, err := tokens.Verify(signed + "." + encode64(tokens.mac(signed))); err == nil && id.Validate() != nil {
			t.Errorf("accepted %+v", id)
		}
	})
}

package proxyconfig_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/anypb"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

func TestParseErrorsSayWhatIsWrong(t *testing.T) {
	for input, want := range map[string]string{
		"":                  "empty",
		"[]":                "not a JSON object",
		"hello":             "not a JSON object",
		`{"configs":[]} {}`: "something follows",
		`{"clusters":[]}`:   `no "configs"`,
		`{"configs":{}}`:    `no "configs"`,
		`{"configs":["x"]}`: "something else than sections",
		`{"configs":[{"@ty`: "unexpected EOF",
	} {
		if d, err := proxyconfig.Parse(strings.NewReader(input)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, %v, want an error about %q", input, d, err, want)
		}
	}
}

func TestUnknownSectionsAreKept(t *testing.T) {
	d := dumpOf(t, `{"@type":"type.googleapis.com/acme.NewDump","things":[1]}`)
	if len(d.Other) != 1 || !bytes.Contains(marshal(t, d), []byte(`"things":[1]`)) {
		t.Errorf("%s", marshal(t, d))
	}
}

const fakeKey = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n"

// TestSecretsNeverSurvive puts secrets wherever a careless producer could.
func TestSecretsNeverSurvive(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(fakeKey))
	quoted := strings.ReplaceAll(fakeKey, "\n", `\n`)
	for name, body := range map[string]string{
		"inline string":       `"tls_certificate":{"private_key":{"inline_string":"c2VjcmV0"}}`,
		"camel case":          `"tlsCertificate":{"privateKey":{"inlineBytes":"` + encoded + `"}}`,
		"password":            `"tls_certificate":{"password":{"inline_string":"c2VjcmV0"}}`,
		"ticket keys":         `"session_ticket_keys":{"keys":[{"inline_string":"c2VjcmV0"}]}`,
		"generic":             `"generic_secret":{"secret":{"inline_string":"c2VjcmV0"}}`,
		"key in the chain":    `"tls_certificate":{"certificate_chain":{"inline_string":"` + quoted + `"}}`,
		"base64 in the chain": `"tls_certificate":{"certificate_chain":{"inline_bytes":"` + encoded + `"}}`,
		"tracer's token":      `"client_config":{"backend_token":"c2VjcmV0"}`,
		"own header":          `"headers":[{"header":{"key":"X-Api-Token","value":"c2VjcmV0"}},{"key":"dd-api-key","rawValue":"c2VjcmV0"}]`,
		"symmetric key":       `"local_jwks":{"inline_string":"{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}"}`,
		"private key":         `"localJwks":{"inlineBytes":"` + base64.StdEncoding.EncodeToString([]byte(`{"keys":[{"kty":"EC","d":"c2VjcmV0"}]}`)) + `"}`,
		"broken key set":      `"local_jwks":{"inline_string":"{\"k\":\"c2VjcmV0"}`,
		"unknown field":       `"new_field":{"deep":["` + quoted + `"]}`,
	} {
		d := dumpOf(t, `{"@type":"type.googleapis.com/envoy.admin.v3.SecretsConfigDump","dynamic_active_secrets":[{"name":"s","secret":{"@type":"`+
			proxyconfig.SecretType+`","name":"s",`+body+`}}]}`)
		if out := string(marshal(t, d)); strings.Contains(out, "c2VjcmV0") || strings.Contains(out, encoded) || !strings.Contains(out, `"s"`) {
			t.Errorf("%s: %s", name, out)
		}
	}
	bootstrap := dumpOf(t, `{"@type":"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump","bootstrap":{"dynamic_resources":{"ads_config":{"grpc_services":[`+
		`{"initial_metadata":[{"key":"Authorization","value":"Bearer c2VjcmV0"}]}]}}}}`)
	if out := string(marshal(t, bootstrap)); strings.Contains(out, "c2VjcmV0") {
		t.Errorf("bootstrap: %s", out)
	}
	public := dumpOf(t, `{"@type":"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump","bootstrap":{"local_jwks":{"inline_string":"{\"keys\":[{\"kty\":\"EC\",\"x\":\"cHVibGlj\"}]}"}}}`)
	if out := string(marshal(t, public)); !strings.Contains(out, "cHVibGlj") {
		t.Errorf("public keys are no secret: %s", out)
	}
	secret, err := anypb.New(&tlsv3.Secret{Name: "s", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
		PrivateKey: &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: []byte(fakeKey)}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := proxyconfig.FromResources(map[string][]*anypb.Any{proxyconfig.SecretType: {secret}})
	if err != nil {
		t.Fatal(err)
	}
	if out := string(marshal(t, d)); strings.Contains(out, encoded) {
		t.Errorf("from resources: %s", out)
	}
}

func TestParseLogging(t *testing.T) {
	rows := proxyconfig.ParseLogging(strings.NewReader("active loggers:\n  admin: warning\n  http2: debug\nnonsense\n"))
	if len(rows) != 2 || rows[1] != (proxyconfig.LogRow{Logger: "http2", Level: "debug"}) {
		t.Errorf("%v", rows)
	}
}

// FuzzParse: whatever the input, there is no panic, and what was parsed can be shown, compared and written.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"configs":[` + listeners(listener("active_state", `"filter_chains":[{"filters":[{"typed_config":{"@type":"x.HttpConnectionManager"}}]}]`)) + `]}`))
	f.Add([]byte(`{"configs":[` + clusters(cluster(`"name":"outbound|1||h"`), "") + `]}`))
	f.Add([]byte(`{"configs":[` + routes(`"virtual_hosts":[{"routes":[{"match":{"safe_regex":{}}}]}]`) + `]}`))
	f.Add([]byte(`{"configs":[` + endpoints(`"endpoints":[{"lb_endpoints":[{}]}]`) + `]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := proxyconfig.Parse(bytes.NewReader(data))
		if err != nil {
			return
		}
		summary(t, d, nil, proxyconfig.Filter{})
		d.SecretRows(proxyconfig.Filter{}, time.Unix(0, 0))
		if differences := proxyconfig.Diff(d, d); len(differences) != 0 {
			for _, x := range differences {
				if x.Kind == proxyconfig.Changed || x.Kind == proxyconfig.Missing {
					t.Errorf("a dump differs from itself: %+v", x)
				}
			}
		}
		if _, err := proxyconfig.Parse(bytes.NewReader(marshal(t, d))); err != nil {
			t.Errorf("cannot read its own output: %v", err)
		}
	})
}

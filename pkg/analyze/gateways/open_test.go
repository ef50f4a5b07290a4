package gateways_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/analyzetest"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/gateways"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

const shop = `apiVersion: networking.istio.io/v1beta1
kind: Gateway
metadata: {name: shop-gateway}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: shop-tls}
    hosts: [shop.example.com]
`

func run(t *testing.T, text string) analyze.Result {
	t.Helper()
	result := config.Decoder{}.DecodeBytes("shop.yaml", []byte(text))
	if len(result.Problems) > 0 {
		t.Fatal(result.Problems)
	}
	return analyze.Run(context.Background(), analyze.NewInput(result, mesh.Options{}, analyzetest.Now), gateways.Analyzers())
}

// A Gateway alone may be right or wrong: what it refers to is asked for by name.
func TestGatewayAloneIsOpen(t *testing.T) {
	got := run(t, shop)
	if len(got.Diagnostics) > 0 {
		t.Errorf("found %v", got.Diagnostics)
	}
	var open []string
	for _, u := range got.Undecided {
		open = append(open, fmt.Sprintf("%s %s: %s", u.Code, u.Object, u.What))
	}
	want := []string{
		"IST0101 Gateway/default/shop-gateway: Secret istio-system/shop-tls",
		"IST0101 Gateway/default/shop-gateway: a gateway's Deployment or Pod with the labels istio=ingressgateway",
		"IST0161 Gateway/default/shop-gateway: Secret istio-system/shop-tls",
	}
	if !slices.Equal(open, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(open, "\n"), strings.Join(want, "\n"))
	}
}

// With any Secret in the input, one that is not there is missing.
func TestSecretIsMissingAmongOthers(t *testing.T) {
	got := run(t, shop+"---\napiVersion: v1\nkind: Secret\nmetadata: {name: other}\n")
	if len(got.Diagnostics) != 1 || got.Diagnostics[0].Code != "IST0101" || got.Diagnostics[0].Position.Line != 10 {
		t.Errorf("got %v", got.Diagnostics)
	}
}

// Nothing of a Secret's content is told, whatever is wrong with it.
func TestSecretsAreNotRepeated(t *testing.T) {
	const private = "VERY-PRIVATE"
	for _, data := range []string{
		"{tls.crt: " + private + ", tls.key: " + private + "}", "{cert: " + private + "}", "{" + private + ": x}",
		"{tls.crt: \"-----BEGIN CERTIFICATE-----\\n" + private + "\\n-----END CERTIFICATE-----\\n\", tls.key: " + private + "}",
	} {
		got := run(t, shop+"---\napiVersion: v1\nkind: Secret\nmetadata: {name: shop-tls, namespace: istio-system}\nstringData: "+data+"\n")
		if len(got.Diagnostics) != 1 || got.Diagnostics[0].Code != "IST0161" {
			t.Errorf("%s: got %v", data, got.Diagnostics)
		}
		for _, d := range got.Diagnostics {
			if strings.Contains(fmt.Sprintf("%+v", d), private) || strings.Contains(d.Message+d.Fix, private) {
				t.Errorf("%s is told: %s", data, d.Message)
			}
		}
	}
}

// An application's Deployment says nothing of the gateways, and a narrower selector may or may not have a pod.
func TestNarrowerSelectorIsOpen(t *testing.T) {
	second := strings.NewReplacer("shop-gateway", "second", "{istio: ingressgateway}", "{istio: ingressgateway, app: edge}").Replace(shop)
	got := run(t, shop+"---\n"+second)
	if !slices.ContainsFunc(got.Undecided, func(u analyze.Undecided) bool { return u.Code == "IST0145" }) {
		t.Errorf("got %v", got.Undecided)
	}
	for _, d := range got.Diagnostics {
		if d.Code == "IST0145" {
			t.Errorf("found %s", d.Message)
		}
	}
}

package redirect_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshctl/meshctl/internal/agent/redirect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// special uses everything that there is.
func special() redirect.Options {
	o := redirect.Default()
	o.Inbound = redirect.Ports{List: []uint16{80, 8080}}
	o.Outbound = redirect.Prefixes{List: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/9")}}
	o.OutboundExclude = []netip.Prefix{netip.MustParsePrefix("10.1.2.0/23"), netip.MustParsePrefix("2001:db8::1/128")}
	o.OutboundExcludePorts, o.OutboundPorts = []uint16{22}, []uint16{3306}
	o.ExcludeInterfaces = []string{"net1"}
	o.DNSPort, o.DNSServers = 15053, []netip.Addr{netip.MustParseAddr("10.0.0.10")}
	o.UIDs = []uint32{1337, 1338}
	return o
}

func cases() map[string]redirect.Options {
	return map[string]redirect.Options{"default": redirect.Default(), "special": special()}
}

func TestText(t *testing.T) {
	for name, o := range cases() {
		file := filepath.Join("testdata", name+".nft")
		if *update {
			if err := os.WriteFile(file, []byte(o.Text()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), o.Text()); diff != "" {
			t.Errorf("%s differs (go test -update rewrites it):\n%s", file, diff)
		}
	}
}

func TestParse(t *testing.T) {
	if p, err := redirect.ParsePrefixes("10.1.2.3/8, fd00::1,*"); err == nil {
		t.Errorf("a * among networks gave %v", p)
	}
	p, err := redirect.ParsePrefixes("10.1.2.3/8, 192.0.2.1,")
	if err != nil || len(p.List) != 2 || p.List[0].String() != "10.0.0.0/8" || p.List[1].String() != "192.0.2.1/32" {
		t.Errorf("ParsePrefixes = %v, %v", p, err)
	}
	for _, bad := range []string{"0", "65536", "x", "1-5"} {
		if p, err := redirect.ParsePorts(bad); err == nil {
			t.Errorf("ParsePorts(%q) = %v", bad, p)
		}
	}
	if p, err := redirect.ParsePorts("*"); err != nil || !p.All {
		t.Errorf("ParsePorts(*) = %v, %v", p, err)
	}
	if ids, err := redirect.ParseIDs("1337,0"); err != nil || len(ids) != 2 {
		t.Errorf("ParseIDs = %v, %v", ids, err)
	}
}

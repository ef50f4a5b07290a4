package agent

import (
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/meshctl/meshctl/internal/agent/redirect"
)

// redirectCommand has the flags of istio-iptables, long and short.
func redirectCommand(args []string, stdout, stderr io.Writer) error {
	o := redirect.Default()
	var undo, dryRun bool
	s := flag.NewFlagSet("redirect", flag.ContinueOnError)
	s.BoolVar(&undo, "undo", false, "remove the rules")
	s.BoolVar(&dryRun, "dry-run", false, "print the rules in the language of nft(8) and change nothing")
	redirectFlags(s, &o)
	if err := parse(s, args, stderr); err != nil {
		return err
	}
	switch {
	case dryRun:
		_, err := io.WriteString(stdout, o.Text())
		return err
	case undo:
		return redirect.Undo()
	}
	return o.Apply()
}

func redirectFlags(s *flag.FlagSet, o *redirect.Options) {
	both := func(long, short, usage string, set func(string) error) {
		s.Func(long, usage, set)
		s.Func(short, "short for --"+long, set)
	}
	both("envoy-port", "p", "where outgoing connections go (default 15001)", port(&o.OutboundPort))
	both("inbound-capture-port", "z", "where incoming connections go (default 15006)", port(&o.InboundPort))
	both("proxy-uid", "u", "user IDs of the proxy (default 1337)", list(&o.UIDs, redirect.ParseIDs))
	both("proxy-gid", "g", "group IDs of the proxy (default 1337)", list(&o.GIDs, redirect.ParseIDs))
	both("istio-inbound-ports", "b", "ports to capture, * for all (default *)", list(&o.Inbound, redirect.ParsePorts))
	both("istio-local-exclude-ports", "d", "ports not to capture (default 15090,15021,15020)", list(&o.InboundExclude, portList))
	both("istio-service-cidr", "i", "destinations to capture, * for all (default *)", list(&o.Outbound, redirect.ParsePrefixes))
	both("istio-service-exclude-cidr", "x", "destinations not to capture", list(&o.OutboundExclude, prefixList))
	both("istio-local-outbound-ports-exclude", "o", "destination ports not to capture", list(&o.OutboundExcludePorts, portList))
	both("istio-outbound-ports", "q", "destination ports to capture wherever they are", list(&o.OutboundPorts, portList))
	both("istio-exclude-interfaces", "c", "interfaces to leave alone", func(v string) error {
		o.ExcludeInterfaces = nil
		for name := range split(v) {
			o.ExcludeInterfaces = append(o.ExcludeInterfaces, name)
		}
		return nil
	})
	s.Func("dns-port", "where DNS queries go (15053 with Envoy's DNS; default: not captured)", port(&o.DNSPort))
	s.Func("dns-servers", "DNS servers whose queries are captured (default: all)", list(&o.DNSServers, addressList))
	s.Func("m", "interception mode; REDIRECT is the only one", func(v string) error {
		if !strings.EqualFold(v, "REDIRECT") {
			return fmt.Errorf("mode %q is not supported, use REDIRECT", v)
		}
		return nil
	})
}

func port(to *uint16) func(string) error {
	return func(v string) error {
		p, err := redirect.ParsePorts(v)
		if err != nil || len(p.List) != 1 {
			return fmt.Errorf("give one port from 1 to 65535")
		}
		*to = p.List[0]
		return nil
	}
}

func list[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(v string) error {
		parsed, err := parse(v)
		if err == nil {
			*to = parsed
		}
		return err
	}
}

func portList(v string) ([]uint16, error) {
	p, err := redirect.ParsePorts(v)
	if p.All {
		return nil, fmt.Errorf("give ports, not *")
	}
	return p.List, err
}

func prefixList(v string) ([]netip.Prefix, error) {
	p, err := redirect.ParsePrefixes(v)
	if p.All {
		return nil, fmt.Errorf("give networks, not *")
	}
	return p.List, err
}

func addressList(v string) ([]netip.Addr, error) {
	prefixes, err := prefixList(v)
	var out []netip.Addr
	for _, p := range prefixes {
		out = append(out, p.Addr())
	}
	return out, err
}

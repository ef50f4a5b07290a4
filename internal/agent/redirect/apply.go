//go:build linux

package redirect

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Table is the name of the one table, of family inet, that holds every rule.
const Table = "meshctl"

type chain struct {
	name  string
	hook  *nftables.ChainHook
	rules []rule
}

func (o Options) chains() []chain {
	return []chain{
		{"prerouting", nftables.ChainHookPrerouting, o.inbound()},
		{"output", nftables.ChainHookOutput, o.outbound()},
	}
}

// Text returns the rules in the language of nft(8).
func (o Options) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", Table)
	for _, c := range o.chains() {
		fmt.Fprintf(&b, "\tchain %s {\n\t\ttype nat hook %s priority -100; policy accept;\n", c.name, c.name)
		for _, r := range c.rules {
			fmt.Fprintf(&b, "\t\t%s\n", r)
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// Apply puts the rules in force in the present network namespace, in one transaction that replaces those of an earlier
// Apply, and gives the loopback interface the address ::6 (see passthrough). It needs CAP_NET_ADMIN.
func (o Options) Apply() error {
	conn, err := nftables.New()
	if err != nil {
		return explain(err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: Table}
	// Added before it is deleted, so that the deletion never fails.
	conn.AddTable(table)
	conn.DelTable(table)
	conn.AddTable(table)
	policy := nftables.ChainPolicyAccept
	for _, c := range o.chains() {
		added := conn.AddChain(&nftables.Chain{
			Name: c.name, Table: table, Type: nftables.ChainTypeNAT, Hooknum: c.hook,
			Priority: nftables.ChainPriorityNATDest, Policy: &policy,
		})
		for _, r := range c.rules {
			var exprs []expr.Any
			for _, t := range r {
				exprs = append(exprs, t.exprs...)
			}
			conn.AddRule(&nftables.Rule{Table: table, Chain: added, Exprs: exprs})
		}
	}
	if err := conn.Flush(); err != nil {
		return explain(err)
	}
	return explain(setPassthrough6(true))
}

// Undo removes the rules; it is no error when there are none.
func Undo() error {
	conn, err := nftables.New()
	if err != nil {
		return explain(err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: Table}
	conn.AddTable(table)
	conn.DelTable(table)
	if err := conn.Flush(); err != nil {
		return explain(err)
	}
	return explain(setPassthrough6(false))
}

func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("traffic redirection: %w: run it as root or with CAP_NET_ADMIN", err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("traffic redirection: %w: it needs a kernel from 5.2 on with nftables NAT (modules nft_chain_nat and nft_redir)", err)
	}
	return fmt.Errorf("traffic redirection: %w", err)
}

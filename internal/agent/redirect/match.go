//go:build linux

package redirect

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// term is one condition or verdict of a rule: as nft writes it and as the kernel takes it.
type term struct {
	text  string
	exprs []expr.Any
}

const register = 1

func eq(negate bool) (expr.CmpOp, string) {
	if negate {
		return expr.CmpOpNeq, "!= "
	}
	return expr.CmpOpEq, ""
}

func meta(key expr.MetaKey, op expr.CmpOp, data []byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: register}, &expr.Cmp{Op: op, Register: register, Data: data}}
}

func oif(name string) term {
	return term{fmt.Sprintf("oifname %q", name), meta(expr.MetaKeyOIFNAME, expr.CmpOpEq, ifname(name))}
}

func iif(name string) term {
	return term{fmt.Sprintf("iifname %q", name), meta(expr.MetaKeyIIFNAME, expr.CmpOpEq, ifname(name))}
}

func ifname(name string) []byte {
	data := make([]byte, unix.IFNAMSIZ)
	copy(data[:unix.IFNAMSIZ-1], name)
	return data
}

func uid(id uint32) term {
	return term{fmt.Sprintf("meta skuid %d", id), meta(expr.MetaKeySKUID, expr.CmpOpEq, native(id))}
}

func gid(id uint32) term {
	return term{fmt.Sprintf("meta skgid %d", id), meta(expr.MetaKeySKGID, expr.CmpOpEq, native(id))}
}

func native(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func tcp(negate bool) term {
	op, sign := eq(negate)
	return term{fmt.Sprintf("meta l4proto %stcp", sign), meta(expr.MetaKeyL4PROTO, op, []byte{unix.IPPROTO_TCP})}
}

func tcpPort(port uint16, negate bool) term { return portTerm("tcp", unix.IPPROTO_TCP, port, negate) }

func udpPort(port uint16) term { return portTerm("udp", unix.IPPROTO_UDP, port, false) }

func portTerm(name string, protocol byte, port uint16, negate bool) term {
	op, sign := eq(negate)
	return term{fmt.Sprintf("%s dport %s%d", name, sign, port), append(
		meta(expr.MetaKeyL4PROTO, expr.CmpOpEq, []byte{protocol}),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: op, Register: register, Data: binary.BigEndian.AppendUint16(nil, port)},
	)}
}

func source(prefix netip.Prefix) term { return address("saddr", 12, 8, prefix, false) }

func destination(prefix netip.Prefix, negate bool) term {
	return address("daddr", 16, 24, prefix, negate)
}

// address matches a field of the IP header, which is at different offsets in IPv4 and IPv6.
func address(field string, offset4, offset6 uint32, prefix netip.Prefix, negate bool) term {
	op, sign := eq(negate)
	family, name, offset := byte(unix.NFPROTO_IPV4), "ip", offset4
	if prefix.Addr().Is6() {
		family, name, offset = unix.NFPROTO_IPV6, "ip6", offset6
	}
	data := prefix.Masked().Addr().AsSlice()
	size := uint32(len(data))
	text := prefix.Masked().String()
	if prefix.IsSingleIP() {
		text = prefix.Addr().String()
	}
	exprs := append(meta(expr.MetaKeyNFPROTO, expr.CmpOpEq, []byte{family}),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size})
	if !prefix.IsSingleIP() {
		exprs = append(exprs, &expr.Bitwise{
			SourceRegister: register, DestRegister: register, Len: size, Mask: mask(prefix), Xor: make([]byte, size),
		})
	}
	return term{fmt.Sprintf("%s %s %s%s", name, field, sign, text),
		append(exprs, &expr.Cmp{Op: op, Register: register, Data: data})}
}

func mask(prefix netip.Prefix) []byte {
	out := make([]byte, prefix.Addr().BitLen()/8)
	for bit := range prefix.Bits() {
		out[bit/8] |= 1 << (7 - bit%8)
	}
	return out
}

func leave() term { return term{"return", []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}} }

func to(port uint16) term {
	return term{fmt.Sprintf("redirect to :%d", port), []expr.Any{
		&expr.Immediate{Register: register, Data: binary.BigEndian.AppendUint16(nil, port)},
		&expr.Redir{RegisterProtoMin: register},
	}}
}

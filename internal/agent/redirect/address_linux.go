package redirect

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// passthrough6 is given to the loopback interface: unlike the whole of 127.0.0.0/8, ::6 is no address of it by itself.
var passthrough6 = netip.MustParseAddr("::6")

// setPassthrough6 adds the address or removes it. It does nothing where IPv6 is turned off.
func setPassthrough6(add bool) error {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// struct ifaddrmsg of rtnetlink(7): family, prefix length, flags, scope, interface.
	message := []byte{unix.AF_INET6, 128, unix.IFA_F_NODAD, unix.RT_SCOPE_HOST}
	message = binary.NativeEndian.AppendUint32(message, uint32(lo.Index))
	attributes, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.IFA_LOCAL, Data: passthrough6.AsSlice()}})
	if err != nil {
		return err
	}
	header := netlink.Header{Type: unix.RTM_NEWADDR, Flags: netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Replace}
	if !add {
		header = netlink.Header{Type: unix.RTM_DELADDR, Flags: netlink.Request | netlink.Acknowledge}
	}
	_, err = conn.Execute(netlink.Message{Header: header, Data: append(message, attributes...)})
	switch {
	case add && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT)):
		// net.ipv6.conf.*.disable_ipv6 and kernels without IPv6.
		return nil
	case !add && err != nil && !errors.Is(err, unix.EPERM):
		return nil
	}
	return err
}

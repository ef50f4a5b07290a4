package ports

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// hold is a port that is bound but does not listen: nobody else can bind it and no outgoing connection uses it, but Envoy,
// which binds with SO_REUSEPORT under the same user, can, now and after each crash.
type hold struct {
	port uint16
	fd   int
}

func (h hold) release() { _ = unix.Close(h.fd) }

// reserve binds address; port 0 means any. With ours, connections that an earlier Envoy of ours left in TIME_WAIT do not
// count as use.
func reserve(address netip.AddrPort, ours bool) (hold, error) {
	family, sockaddr := unix.AF_INET, unix.Sockaddr(nil)
	if address.Addr().Is4() {
		sockaddr = &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
	} else {
		family, sockaddr = unix.AF_INET6, &unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return hold{}, fmt.Errorf("socket: %w", err)
	}
	h := hold{fd: fd}
	if err := h.bind(sockaddr, ours); err != nil {
		h.release()
		return hold{}, fmt.Errorf("bind %s: %w", address, err)
	}
	return h, nil
}

func (h *hold) bind(sockaddr unix.Sockaddr, ours bool) error {
	if ours {
		if err := unix.SetsockoptInt(h.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
	}
	if err := unix.Bind(h.fd, sockaddr); err != nil {
		return err
	}
	// After bind, so that the port is found free of everybody, another agent's reservation included.
	if err := unix.SetsockoptInt(h.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return err
	}
	bound, err := unix.Getsockname(h.fd)
	if err != nil {
		return err
	}
	switch a := bound.(type) {
	case *unix.SockaddrInet4:
		h.port = uint16(a.Port)
	case *unix.SockaddrInet6:
		h.port = uint16(a.Port)
	}
	return nil
}

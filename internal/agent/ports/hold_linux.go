package ports

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// hold is a port that is bound but does not listen: no other program can bind it and no outgoing connection uses it, but
// Envoy, which binds with SO_REUSEPORT under the same user, can, now and after each crash.
type hold struct {
	port uint16
	fd   int
	// claim keeps other agents of this user away: like Envoy they could bind a port that is held.
	claim int
}

func (h hold) release() {
	_ = unix.Close(h.fd)
	if h.claim > 0 {
		_ = unix.Close(h.claim)
	}
}

// reserve binds address; port 0 means any. With ours, connections that an earlier Envoy of ours left behind do not count
// as use.
func reserve(address netip.AddrPort, ours bool) (hold, error) {
	h, err := bind(address, false)
	if errors.Is(err, unix.EADDRINUSE) && ours && !answers(address.Port()) {
		h, err = bind(address, true)
	}
	if err != nil {
		return hold{}, fmt.Errorf("bind %s: %w", address, err)
	}
	return h, nil
}

func bind(address netip.AddrPort, reuse bool) (hold, error) {
	family, to := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()})
	if address.Addr().Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return hold{}, err
	}
	h := hold{fd: fd}
	if err := h.bind(to, reuse); err != nil {
		h.release()
		return hold{}, err
	}
	return h, nil
}

func (h *hold) bind(to unix.Sockaddr, reuse bool) error {
	share := func() error { return unix.SetsockoptInt(h.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }
	if reuse {
		if err := share(); err != nil {
			return err
		}
	}
	if err := unix.Bind(h.fd, to); err != nil {
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
	if h.claim, err = claim(h.port); err != nil {
		return err
	}
	// Only now, so that the port was found free of everybody.
	return share()
}

// claim binds a name in the abstract socket namespace, which has the scope of ports and goes with the process.
func claim(port uint16) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "@meshctl/port/" + strconv.Itoa(int(port))}); err != nil {
		_ = unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

// answers reports whether something listens on the port.
func answers(port uint16) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

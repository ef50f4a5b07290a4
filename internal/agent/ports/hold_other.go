//go:build !linux

package ports

import (
	"net"
	"net/netip"
)

// hold is a port that was free a moment ago: these systems cannot reserve it for a listener of another process.
type hold struct{ port uint16 }

func (h hold) release() {}

func reserve(address netip.AddrPort, _ bool) (hold, error) {
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(address))
	if err != nil {
		return hold{}, err
	}
	defer listener.Close()
	return hold{port: listener.Addr().(*net.TCPAddr).AddrPort().Port()}, nil
}

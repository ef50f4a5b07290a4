package controlplane

import (
	"context"
	"net"
)

// cutListener closes what it has accepted once a context is done. A gRPC server's Stop would wait for connections whose peer has not
// finished its handshake, two minutes for one that says nothing.
type cutListener struct {
	net.Listener
	cut context.Context
}

func (l cutListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &cutConn{Conn: c, keep: context.AfterFunc(l.cut, func() { _ = c.Close() })}, nil
}

type cutConn struct {
	net.Conn
	keep func() bool
}

func (c *cutConn) Close() error {
	c.keep()
	return c.Conn.Close()
}

package portforward

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/streaming/pkg/httpstream"
)

// lastWords is how long the reason of a closed connection is waited for.
const lastWords = time.Second

// conn is the near end of a pipe whose far end is copied to and from a stream: streams have no deadlines.
type conn struct {
	net.Conn
	connection httpstream.Connection
	address    addr
	failure    atomic.Pointer[error]
	close      sync.Once
}

func newConn(connection httpstream.Connection, data, failures httpstream.Stream, address addr) net.Conn {
	near, far := net.Pipe()
	c := &conn{Conn: near, connection: connection, address: address}
	said := make(chan error, 1)
	go func() {
		message, err := io.ReadAll(io.LimitReader(failures, 64<<10))
		if err == nil && len(message) > 0 {
			err = fmt.Errorf("%s: %s", address, brief(string(message)))
		}
		said <- err
	}()
	go func() {
		_, _ = io.Copy(data, far) // ends when the near end is closed, or the stream is
		_ = data.Close()
	}()
	go func() {
		_, _ = io.Copy(far, data)
		_ = data.Reset() // what is not read must not hold up the other stream
		select {
		case err := <-said:
			if err != nil {
				c.failure.Store(&err)
			}
		case <-time.After(lastWords):
		}
		_ = far.Close()
		_ = c.shut()
	}()
	return c
}

// brief takes the cause out of the kubelet's sentence: "error forwarding port 1 to pod ..., uid : failed to ...: dial tcp4 127.0.0.1:1:
// connect: connection refused".
func brief(message string) string {
	message = strings.TrimSpace(message)
	if _, cause, ok := strings.Cut(message, ": connect: "); ok {
		cause, _, _ = strings.Cut(cause, " IPv6") // containerd says then that it tried that, too
		return strings.TrimSpace(cause)
	}
	return message
}

// Read returns the reason when the other side ended with one.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		if failure := c.failure.Load(); failure != nil {
			return n, &net.OpError{Op: "read", Net: "tcp", Addr: c.address, Err: *failure}
		}
	}
	return n, err
}

func (c *conn) Close() error {
	return errors.Join(c.Conn.Close(), c.shut())
}

func (c *conn) shut() (err error) {
	c.close.Do(func() { err = c.connection.Close() })
	return err
}

func (c *conn) RemoteAddr() net.Addr { return c.address }

// addr is "POD.NAMESPACE:PORT".
type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

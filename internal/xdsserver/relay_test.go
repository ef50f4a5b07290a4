package xdsserver

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay is a TCP proxy whose connections all end when its target changes: a control plane that restarts elsewhere.
type relay struct {
	listener net.Listener
	mu       sync.Mutex
	target   string
	open     map[net.Conn]bool
	running  sync.WaitGroup
}

func newRelay(t testing.TB, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, target: target, open: map[net.Conn]bool{}}
	r.running.Go(r.accept)
	t.Cleanup(func() {
		_ = l.Close()
		r.redirect("")
		r.running.Wait()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) redirect(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
	for c := range r.open {
		_ = c.Close()
	}
	clear(r.open)
}

func (r *relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		out, err := net.Dial("tcp", r.target)
		if err != nil {
			r.mu.Unlock()
			_ = in.Close()
			continue
		}
		r.open[in], r.open[out] = true, true
		r.mu.Unlock()
		r.running.Go(func() { pipe(in, out) })
		r.running.Go(func() { pipe(out, in) })
	}
}

func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

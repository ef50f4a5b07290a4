package budget

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// load is a generator of requests over connections that are kept: little more than writing and reading bytes, so that the proxies are
// what is measured.
type load struct {
	t           *testing.T
	target      string
	connections int
}

// flood sends as many requests as come back for some time and returns how many did, in how long.
func (l load) flood(d time.Duration) (sent int, took time.Duration) {
	var mu sync.Mutex
	begin := time.Now()
	l.each(func(_ int, call func()) {
		n := 0
		for time.Since(begin) < d {
			call()
			n++
		}
		mu.Lock()
		sent += n
		mu.Unlock()
	})
	return sent, time.Since(begin)
}

// pace sends a fixed number of requests a second and returns how many seconds each took. One that could not be sent
// when it was due, because the one before was still under way, counts from then: a proxy that lags behind pays for those that wait.
func (l load) pace(rate int, d time.Duration) (took []float64) {
	var mu sync.Mutex
	begin := time.Now()
	each := time.Second * time.Duration(l.connections) / time.Duration(rate)
	l.each(func(i int, call func()) {
		var mine []float64
		offset := each * time.Duration(i) / time.Duration(l.connections)
		for due := begin.Add(offset); due.Sub(begin) < d; due = due.Add(each) {
			start := due
			if early := time.Until(due); early > 0 {
				time.Sleep(early) // the clock is the load
				start = time.Now()
			}
			call()
			mine = append(mine, time.Since(start).Seconds())
		}
		mu.Lock()
		took = append(took, mine...)
		mu.Unlock()
	})
	return took
}

// each runs f on every connection at the same time.
func (l load) each(f func(i int, call func())) {
	var running sync.WaitGroup
	for i := range l.connections {
		conn, err := net.Dial("tcp", l.target)
		if err != nil {
			l.t.Fatal(err)
		}
		running.Go(func() {
			defer conn.Close()
			f(i, l.caller(conn))
		})
	}
	running.Wait()
}

func (l load) caller(conn net.Conn) func() {
	request := []byte(fmt.Sprintf("GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host))
	in := bufio.NewReader(conn)
	return func() {
		if _, err := conn.Write(request); err != nil {
			l.t.Error(err)
			return
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			l.t.Error(err)
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusOK {
			l.t.Errorf("%s, %v", r.Status, err)
		}
	}
}

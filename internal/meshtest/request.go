package meshtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
)

// Answer is a response with its body read.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	// Echo is what the program saw, when a Program answered.
	Echo Echo
}

// Echo is the request as a Program saw it.
type Echo struct {
	Program, Method, Path, Host string // Path with its query
	Header                      http.Header
}

// Request is a GET without more.
type Request struct {
	Method  string // GET when empty
	URL     string
	Host    string   // of the URL when empty
	Headers []string // "NAME=VALUE"
	Body    string
}

// Try sends a request and returns the answer.
func Try(client *http.Client, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), envoytest.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	req.Host = r.Host
	if r.Body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for _, h := range r.Headers {
		name, value, _ := strings.Cut(h, "=")
		req.Header.Add(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body), Echo: parseEcho(string(body))}, err
}

// Do sends a request, which must be answered.
func Do(t *testing.T, client *http.Client, r Request) Answer {
	t.Helper()
	a, err := Try(client, r)
	check(t, err)
	return a
}

// Get sends a GET with headers "NAME=VALUE", which must be answered.
func Get(t *testing.T, client *http.Client, url string, headers ...string) Answer {
	t.Helper()
	return Do(t, client, Request{URL: url, Headers: headers})
}

// Expect waits until a GET with headers "NAME=VALUE" is answered with a status and a part of the body, and returns the answer.
func Expect(t *testing.T, client *http.Client, url string, status int, part string, headers ...string) Answer {
	t.Helper()
	return Await(t, client, Request{URL: url, Headers: headers}, func(a Answer) error {
		if a.Status != status || !strings.Contains(a.Body, part) {
			return fmt.Errorf("want %d and %q", status, part)
		}
		return nil
	})
}

// Await repeats a request until its answer passes.
func Await(t *testing.T, client *http.Client, r Request, passes func(Answer) error) Answer {
	t.Helper()
	var a Answer
	envoytest.Eventually(t, r.Method+" "+r.URL, func() (err error) {
		if a, err = Try(client, r); err != nil {
			return err
		}
		if err = passes(a); err != nil {
			err = fmt.Errorf("%d %q %v: %w", a.Status, a.Body, a.Header, err)
		}
		return err
	})
	return a
}

// parseEcho reads what Program.echo wrote; anything else is no Echo.
func parseEcho(body string) Echo {
	first, rest, _ := strings.Cut(body, "\n")
	words := strings.Fields(first)
	host, found := strings.CutPrefix(rest, "host: ")
	if len(words) != 3 || !found {
		return Echo{}
	}
	e := Echo{Program: words[0], Method: words[1], Path: words[2], Header: http.Header{}}
	e.Host, rest, _ = strings.Cut(host, "\n")
	for line := range strings.Lines(rest) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		e.Header.Add(name, value)
	}
	return e
}

// Share wants that share of n answers to be yes, within five standard deviations.
func Share(t *testing.T, n int, want float64, yes func() bool) {
	t.Helper()
	got := 0
	for range n {
		if yes() {
			got++
		}
	}
	all := float64(n)
	if math.Abs(float64(got)-want*all) > 5*math.Sqrt(all*want*(1-want)) {
		t.Errorf("%d of %d, want %.0f", got, n, want*all)
	}
}

// Connect opens a TCP connection from loopback, once somebody listens; the test's end closes it.
func Connect(t *testing.T, address string) net.Conn {
	t.Helper()
	var conn net.Conn
	envoytest.Eventually(t, address, func() (err error) {
		conn, err = net.Dial("tcp", address)
		return err
	})
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(envoytest.Timeout))
	return conn
}

// Greeting is the line with which a TCP connection to a Program begins: its name.
func Greeting(conn net.Conn) (string, error) {
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

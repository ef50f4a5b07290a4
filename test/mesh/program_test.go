package mesh_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
)

// programArg makes the test binary a program that a workload runs.
const programArg = "program"

// program runs one of the programs until a signal: `http ADDRESS NAME STATUS` answers with echo, `tcp ADDRESS NAME` with its
// name before each line, `wait` does nothing.
func program(kind string, args []string) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	if kind != "wait" {
		listener, err := net.Listen("tcp", args[0])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if kind == "tcp" {
			go serveTCP(listener, args[1])
		} else {
			status, _ := strconv.Atoi(args[2])
			go func() { _ = http.Serve(listener, echoHandler(args[1], status)) }()
		}
	}
	<-stop
	return 0
}

// echo is what the HTTP program answers: who it is, and what reached it.
type echo struct {
	Name   string      `json:"name"`
	Host   string      `json:"host"`
	Path   string      `json:"path"`
	Header http.Header `json:"header"`
}

func echoHandler(name string, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(echo{name, r.Host, r.URL.Path, r.Header})
	})
}

func serveTCP(listener net.Listener, name string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				fmt.Fprintf(conn, "%s %s\n", name, lines.Text())
			}
		}()
	}
}

// freePort is one that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

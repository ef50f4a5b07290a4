package standalone

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// helper makes the test binary one of the programs below.
const helper = "MESHCTL_TEST_PROGRAM"

func TestMain(m *testing.M) {
	switch os.Getenv(helper) {
	case "":
		goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
			removeBinaries()
			os.Exit(code)
		}))
	case "serve":
		fail(serve(os.Args[1]))
	case "get":
		fail(get(os.Args[1]))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers at an address with what the sidecar says of the caller, until SIGTERM; then it exits with 3.
func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() {
		<-end
		os.Exit(3)
	}()
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Forwarded-Client-Cert"))
	}))
}

// get prints the answer of a URL; the proxy comes from the environment.
func get(url string) error {
	resp, err := http.Get(os.ExpandEnv(url))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}

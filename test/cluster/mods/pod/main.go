// Command pod is what runs in the test cluster's own containers: "pause" holds the namespaces of a pod, "serve ADDRESS" answers HTTP
// requests with the pod's name, "get URL" prints what a server answers.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const timeout = 5 * time.Second

func main() {
	arg := ""
	if len(os.Args) > 2 {
		arg = os.Args[2]
	}
	var err error
	switch {
	case len(os.Args) < 2 || os.Args[1] == "pause":
		pause()
	case os.Args[1] == "serve":
		err = serve(arg)
	case os.Args[1] == "get":
		err = get(arg)
	default:
		err = fmt.Errorf("usage: pod pause|serve ADDRESS|get URL")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pause waits to be told to end. Where the containers of a pod share their processes, it is the parent of the orphans.
func pause() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}

func serve(address string) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	server := &http.Server{Addr: address, ReadHeaderTimeout: timeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s %s from %s\n", r.Method, r.URL, r.RemoteAddr)
		fmt.Fprintf(w, "%s answers %s\n", name, r.RemoteAddr)
	})}
	fmt.Println("listening on", address)
	return server.ListenAndServe()
}

func get(url string) error {
	client := http.Client{Timeout: timeout}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// Zipkin is a running server with nothing but memory.
type Zipkin struct {
	// Address is HOST:PORT on loopback, of its API and of its collector.
	Address string
}

// Span is one of Zipkin's, as its API gives it (https://zipkin.io/zipkin-api/).
type Span struct {
	TraceID       string            `json:"traceId"`
	ID            string            `json:"id"`
	ParentID      string            `json:"parentId"`
	Kind          string            `json:"kind"`
	Name          string            `json:"name"`
	Shared        bool              `json:"shared"`
	LocalEndpoint Endpoint          `json:"localEndpoint"`
	Tags          map[string]string `json:"tags"`
}

// Endpoint is who recorded a span.
type Endpoint struct {
	ServiceName string `json:"serviceName"`
}

// StartZipkin runs Zipkin until the test ends.
func StartZipkin(t testing.TB) *Zipkin {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		missing(t, "Zipkin is not tried: it needs Java, and none is installed (default-jre-headless)")
	}
	jar, err := zipkinJar(t.Context())
	if err != nil {
		missing(t, "Zipkin is not tried: its archive cannot be had: %v", err)
	}
	// What is given for the list of ports replaces the server's own, which listens on all addresses.
	cmd := exec.Command(java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-jar", jar,
		"--armeria.ports[0].ip=127.0.0.1", "--armeria.ports[0].port=0", "--armeria.ports[0].protocols[0]=http")
	cmd.Env = append(cmd.Environ(), "STORAGE_TYPE=mem", "SELF_TRACING_ENABLED=false")
	return &Zipkin{start(t, cmd, regexp.MustCompile(`Serving HTTP at \S+ - http://(127\.0\.0\.1:\d+)/`))}
}

// Traces are those that fit a query of Zipkin's API, e.g. "annotationQuery": "x-id=7".
func (z *Zipkin) Traces(query map[string]string) ([][]Span, error) {
	values := url.Values{"limit": {"100"}}
	for k, v := range query {
		values.Set(k, v)
	}
	var out [][]Span
	return out, z.get("/api/v2/traces?"+values.Encode(), &out)
}

// Trace is the one of an id, without spans as long as Zipkin does not know it.
func (z *Zipkin) Trace(id string) ([]Span, error) {
	var out []Span
	return out, z.get("/api/v2/trace/"+url.PathEscape(id), &out)
}

func (z *Zipkin) get(path string, out any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+z.Address+path, nil)
	if err != nil {
		return err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusNotFound:
		return nil
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s: %.200s", path, resp.Status, body)
	}
	return json.Unmarshal(body, out)
}

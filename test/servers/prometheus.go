package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// Prometheus is a running server with a database of its own.
type Prometheus struct {
	// Address is HOST:PORT of its API, on loopback.
	Address string
}

// StartPrometheus runs Prometheus with a configuration (YAML) until the test ends.
func StartPrometheus(t testing.TB, config string) *Prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		missing(t, "Prometheus is not tried: it is not in PATH (prometheus)")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	cmd.Dir = dir
	return &Prometheus{start(t, cmd, regexp.MustCompile(`msg="?Listening on"? address=(127\.0\.0\.1:\d+)`))}
}

// Sample is an element of an instant vector.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query evaluates a PromQL expression, whose result has to be a vector, at a time.
func (p *Prometheus) Query(expression string, at time.Time) ([]Sample, error) {
	values := url.Values{"query": {expression}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Address+"/api/v1/query?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error string `json:"error"`
		Data  struct {
			Type   string `json:"resultType"`
			Result []struct {
				Metric map[string]string `json:"metric"`
				Value  [2]any            `json:"value"` // when, and the value as a string
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" || answer.Data.Type != "vector" {
		return nil, fmt.Errorf("%s: %s, a %q, want a vector", expression, answer.Error, answer.Data.Type)
	}
	var out []Sample
	for _, r := range answer.Data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		out = append(out, Sample{r.Metric, v})
	}
	return out, nil
}

package traffic_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// FuzzAgentsSamples: two samples that an agent may send, whatever is in them, make a graph of numbers.
func FuzzAgentsSamples(f *testing.F) {
	f.Add(`{"epoch":"1","time":"2026-01-02T03:04:05Z","hosts":[{"cluster":"`+cluster+`","address":"10.0.0.1:80","requests":18446744073709551615,"failed":5}],"cut":true}`,
		`{"epoch":"1","time":"2026-01-02T03:04:06Z","hosts":[{"cluster":"`+cluster+`","address":"10.0.0.1:80","requests":1},{"cluster":"`+cluster+`","address":"10.0.0.1:80"}],
		"clusters":[{"name":"`+cluster+`","homeless":3,"aborted":9,"latency":[{"l":1,"w":1,"n":18446744073709551615},{"l":1e300,"w":-1,"n":1}]}],
		"inbound":[{"name":"outbound_x","failed":9},{"name":"inbound_x","requests":5,"opened":7}]}`, uint16(1))
	f.Fuzz(func(t *testing.T, first, second string, seconds uint16) {
		var w traffic.Window
		for i, text := range []string{first, second, first} {
			var s sample.Sample
			if json.Unmarshal([]byte(text), &s) != nil {
				return
			}
			s.Clean()
			r := report(0, counted{})
			r.Proxies[0].Sample = s
			w.Add(r, start.Add(time.Duration(i)*time.Duration(seconds)*time.Second))
			for _, window := range []time.Duration{0, time.Second, time.Hour} {
				numbersAreNumbers(t, w.Graph(window))
			}
		}
	})
}

// FuzzWindow: restarts, resets, clocks, hosts that come and go, cut answers and silence, in any order.
func FuzzWindow(f *testing.F) {
	f.Add([]byte{1, 10, 0, 20, 1, 200, 3, 7, 2, 1, 255, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		var w traffic.Window
		c, at, heard := counted{epoch: "1"}, start, start
		for ; len(script) >= 4 && len(script) < 400; script = script[4:] {
			what, much, by, wait := script[0], uint64(script[1]), script[2], time.Duration(script[3])*100*time.Millisecond
			heard, at = heard.Add(wait), at.Add(wait)
			c.requests, c.failed = c.requests+much, c.failed+much/3
			c.latency = sample.Histogram{{Lower: float64(by), Width: 1, Count: c.requests + 1}}
			if what&1 != 0 {
				c = counted{epoch: c.epoch + "1", requests: much}
			}
			if what&2 != 0 {
				c.requests, c.failed = much, 0
			}
			if what&4 != 0 {
				at = at.Add(time.Duration(int8(by)) * time.Minute)
			}
			r := report(0, c)
			r.Time = at
			s := &r.Proxies[0].Sample
			s.Time, s.Cut = at, what&8 != 0
			if what&16 != 0 {
				s.Hosts = nil
			}
			if what&32 != 0 {
				r.Silent, r.Proxies = []topology.Silent{{Proxy: "a.default", Reason: "gone"}}, nil
			}
			w.Add(r, heard)
			numbersAreNumbers(t, w.Graph(time.Duration(by)*time.Second))
		}
	})
}

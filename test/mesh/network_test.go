package mesh_test

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"
)

// mutualTLSOnly wants productpage's clusters to use TLS whatever the endpoint says.
func mutualTLSOnly(m *mesh) error {
	out := m.ctl("pc", "cluster", "productpage-v1", "--fqdn", "reviews.default.svc.cluster.local", "-o", "yaml")
	if !strings.Contains(out, "UpstreamTlsContext") || strings.Contains(out, "tlsMode-disabled") {
		return fmt.Errorf("no TLS, or not only:\n%.500s", out)
	}
	return nil
}

func random(m *mesh) error {
	return cluster("productpage-v1", "outbound|9080||reviews.default.svc.cluster.local", "RANDOM")(m)
}

// cluster wants a proxy to have a cluster whose definition has this text.
func cluster(proxy, name, text string) func(*mesh) error {
	return func(m *mesh) error {
		out := m.ctl("pc", "cluster", proxy, "--name", name, "-o", "yaml")
		if !strings.Contains(out, text) {
			return fmt.Errorf("no %q in %s:\n%.500s", text, name, out)
		}
		return nil
	}
}

// inbound is where a workload's sidecar takes requests of other sidecars.
func (m *mesh) inbound(name string) string {
	return at(int(m.workload(name).Listeners["inbound|9080"]))
}

func (m *mesh) plaintext() (answer, error) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return get(c, "http://"+m.inbound("ratings-v1")+"/ratings/0")
}

func plaintextPasses(m *mesh, text string) string {
	if a, err := m.plaintext(); err != nil || a.status != http.StatusOK {
		m.t.Errorf("plaintext is not permitted by default: %v %d", err, a.status)
	}
	return text
}

func plaintextRefused(m *mesh) error {
	if a, err := m.plaintext(); err == nil {
		return fmt.Errorf("plaintext is answered with %d", a.status)
	}
	return nil
}

const outsideText = "outside"

// outside starts a server that is not in the mesh, and sees it from a workload.
func outside(m *mesh, text string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, outsideText) }))
	m.t.Cleanup(server.Close)
	m.outside = server.URL
	if a, err := get(via(m.workload("details-v1").Proxy), m.outside); err != nil || a.body != outsideText {
		m.t.Errorf("no way out by default: %v %d %s", err, a.status, a.body)
	}
	return text
}

func noWayOut(m *mesh) error {
	a, err := get(via(m.workload("details-v1").Proxy), m.outside)
	if err != nil || a.status != http.StatusBadGateway {
		return fmt.Errorf("a way out: %s", outcome(a, err))
	}
	return page("Reviews served by")(m)
}

// onFreePorts starts a server for each port that a sample names, and puts its real port there: the ports of the sample may be
// taken on the machine of the test.
func onFreePorts(ports ...string) func(*mesh, string) string {
	return func(m *mesh, text string) string {
		for _, port := range ports {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, port) }))
			m.t.Cleanup(server.Close)
			_, real, _ := net.SplitHostPort(server.Listener.Addr().String())
			text = strings.ReplaceAll(text, "http: "+port, "http: "+real)
		}
		return text
	}
}

// named wants requests for a host from a workload to reach these servers about so often.
func named(host string, want map[string]int) func(*mesh) error {
	return func(m *mesh) error {
		n := 0
		for _, share := range want {
			n += share
		}
		c := via(m.workload("details-v1").Proxy)
		got := count(n, func() string {
			a, err := get(c, "http://"+host+"/")
			if err != nil {
				return err.Error()
			}
			return a.body
		})
		if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
			return fmt.Errorf("%s is served by %v", host, got)
		}
		for server, share := range want {
			if off := got[server] - share; off < -12 || off > 12 {
				return fmt.Errorf("%s is served by %v, not %v", host, got, want)
			}
		}
		return nil
	}
}

// echoers are two versions of a TCP service.
func echoers(m *mesh, text string) string {
	for _, version := range []string{"v1", "v2"} {
		port := freePort(m.t)
		m.workloadRun("tcp-echo-"+version, "--service-account", "tcp-echo", "--labels", "app=tcp-echo,version="+version,
			"--port", fmt.Sprintf("9000:%d", port), "--", "tcp", at(port), version)
	}
	return text
}

// echoes wants connections to the local port of the service to be split four to one.
func echoes(m *mesh) error {
	port := m.workload("details-v1").Listeners["outbound|9000|tcp-echo.default.svc.cluster.local"]
	if port == 0 {
		return errNotYet
	}
	const n = 100
	got := count(n, func() string {
		conn, err := net.DialTimeout("tcp", at(int(port)), 5*time.Second)
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintln(conn, "hello")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			return err.Error()
		}
		return line
	})
	if one, two := got["v1 hello\n"], got["v2 hello\n"]; one+two != n || two < 8 || two > 36 {
		return fmt.Errorf("%d connections went to %v", n, got)
	}
	return nil
}

// registers wants a program that joins the group to become one more reviews v2, and to leave when it ends.
func registers(m *mesh) error {
	port := freePort(m.t)
	joined := m.workloadRun("reviews-vm-1", "--group", "reviews-vm", "--port", fmt.Sprintf("9080:%d", port), "--", "http", at(port), "vm", "200")
	has := func(want bool) func() error {
		return func() error {
			got := count(40, func() string {
				a, err := m.get("/api/v1/products/0/reviews")
				switch {
				case err != nil:
					return err.Error()
				case a.status != http.StatusOK:
					return fmt.Sprint(a.status)
				case strings.Contains(a.body, `"name":"vm"`):
					return "vm"
				}
				return "other"
			})
			if (got["vm"] > 0) != want || got["other"]+got["vm"] != 40 {
				return fmt.Errorf("answers: %v", got)
			}
			return nil
		}
	}
	eventually(m.t, "the member of the group gets requests", has(true))
	if w := m.workload("reviews-vm-1"); w.Identity != "spiffe://cluster.local/ns/default/sa/bookinfo-reviews" {
		return fmt.Errorf("identity %s", w.Identity)
	}
	joined.stop(m.t)
	m.joined = nil
	eventually(m.t, "it gets no more", has(false))
	return nil
}

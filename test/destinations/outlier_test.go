package destinations_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestOutlierDetection(t *testing.T) {
	s := newSuite(t)
	const times = ", interval: 100ms, baseEjectionTime: 60s"
	all := "{loadBalancer: {simple: RANDOM, localityLbSetting: {enabled: false}}, outlierDetection: {%s" + times + "%s}}"
	ejects := func(name, setting, status string, ejected bool) {
		s.with(name, fmt.Sprintf(all, setting, ", maxEjectionPercent: 50"), func(t *testing.T) {
			if !ejected {
				got := s.who(t, 60, "x-answer=a="+status, "x-envoy-max-retries=0")
				if got[status] < 5 || s.ejections() != 0 {
					t.Errorf("%d ejected after %v", s.ejections(), got)
				}
				return
			}
			envoytest.Eventually(t, "a to be ejected", func() error {
				s.who(t, 10, "x-answer=a="+status, "x-envoy-max-retries=0")
				if s.ejections() == 0 {
					return fmt.Errorf("it is not")
				}
				return nil
			})
			s.only(t, []string{"b", "c"})
		})
	}
	ejects("consecutive5xxErrors", "consecutive5xxErrors: 2", "500", true)
	ejects("consecutiveGatewayErrors", "consecutive5xxErrors: 0, consecutiveGatewayErrors: 2", "502", true)
	ejects("consecutiveGatewayErrors are no others", "consecutive5xxErrors: 0, consecutiveGatewayErrors: 3", "500", false)
	ejects("consecutiveErrors", "consecutiveErrors: 2", "503", true)
	ejects("consecutiveErrors are of gateways", "consecutiveErrors: 4", "500", false)
	ejects("outlierDetectionHttpErrorCodes", "consecutive5xxErrors: 3, outlierDetectionHttpErrorCodes: [404, 429]", "429", true)
	ejects("other codes", "consecutive5xxErrors: 4, outlierDetectionHttpErrorCodes: [404, 429]", "500", false)
	s.with("maxEjectionPercent", fmt.Sprintf(all, "consecutive5xxErrors: 1", ", maxEjectionPercent: 40"), func(t *testing.T) {
		got := s.who(t, 60, "x-answer=500", "x-envoy-max-retries=0")
		if s.ejections() != 1 {
			t.Errorf("%d of 3 ejected after %v", s.ejections(), got)
		}
	})
	s.with("all ejected", fmt.Sprintf(all, "consecutive5xxErrors: 1", ", maxEjectionPercent: 100"), func(t *testing.T) { s.everybody(t, http.StatusServiceUnavailable) })
	s.with("minHealthPercent", fmt.Sprintf(all, "consecutive5xxErrors: 1", ", maxEjectionPercent: 100, minHealthPercent: 50"), func(t *testing.T) {
		s.everybody(t, http.StatusOK)
	})
	s.localOrigin()
}

func (s *suite) ejections() int {
	return s.client.Stat(upstream + "outlier_detection.ejections_active")
}

// everybody ejects all servers and wants what comes then to be answered with a status.
func (s *suite) everybody(t *testing.T, status int) {
	t.Helper()
	envoytest.Eventually(t, "all to be ejected", func() error {
		got := s.who(t, 6, "x-answer=500", "x-envoy-max-retries=0")
		if n := s.ejections(); n != 3 {
			return fmt.Errorf("%d are, after %v", n, got)
		}
		return nil
	})
	meshtest.Expect(t, s.client.Client(), "http://server/", status, "", "x-envoy-max-retries=0")
}

// localOrigin: with splitExternalLocalOriginErrors what the server answers does not count, and that nobody listens does.
func (s *suite) localOrigin() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.T().Fatal(err)
	}
	dead := meshtest.ListenPort(l)
	l.Close()
	text := fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: half, namespace: default}
spec:
  hosts: [half.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: %d}}, {address: 127.0.0.1, ports: {http: %d}}]
`, s.programs["a"].Ports()[meshtest.HTTPPort], dead)
	policy := "{outlierDetection: {splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 1, interval: 100ms, baseEjectionTime: 60s, maxEjectionPercent: 100}}"
	s.Case("consecutiveLocalOriginFailures", text+rule("half.example.com", policy), func(t *testing.T) {
		client := s.client.Client()
		envoytest.Eventually(t, "the dead endpoint to be ejected", func() error {
			return onlyNames(who(t, client, "http://half.example.com/", 12, "x-envoy-max-retries=0"), []string{"a"})
		})
		if n := s.client.Stat("cluster.outbound|80||half.example.com.outlier_detection.ejections_enforced_consecutive_local_origin_failure"); n == 0 {
			t.Error("no failure to connect is counted")
		}
	})
}

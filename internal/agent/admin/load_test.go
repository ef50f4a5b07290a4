package admin

import "testing"

func TestLoad(t *testing.T) {
	stats := map[string]int{
		"listener.127.0.0.1_40001.downstream_cx_active":          3,
		"listener.127.0.0.1_40001.worker_0.downstream_cx_active": 3,
		"listener.127.0.0.1_40002.downstream_cx_active":          5,
		"listener.[__]_15006.downstream_cx_active":               2,
		"listener.admin.downstream_cx_active":                    1,
		"listener.admin.main_thread.downstream_cx_active":        1,
		"http.inbound_0.0.0.0_9080.downstream_cx_active":         2,
		"http.inbound_0.0.0.0_9080.downstream_rq_active":         1,
		"http.outbound_http_proxy.downstream_cx_active":          5,
		"http.outbound_http_proxy.downstream_rq_active":          4,
		"http.admin.downstream_rq_active":                        1,
	}
	if got, want := load(stats, nil), (Load{Connections: 10, Busy: 3 + 5}); got != want {
		t.Errorf("everything: %+v, want %+v", got, want)
	}
	if got, want := load(stats, map[uint32]bool{40001: true, 15006: true}), (Load{Connections: 5, Busy: 3 + 1}); got != want {
		t.Errorf("inbound: %+v, want %+v", got, want)
	}
}

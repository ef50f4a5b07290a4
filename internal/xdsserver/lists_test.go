package xdsserver

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/meshctl/meshctl/pkg/xds"
)

func TestStreamsShareNames(t *testing.T) {
	var wanted []string
	for i := range 100 {
		wanted = append(wanted, fmt.Sprintf("outbound|80||svc-%d", i))
	}
	_, s, address := serve(t, Options{})
	for range 2 {
		c := newDeltaClient(t, address)
		c.ask(xds.EndpointType, wanted...)
		c.next()
		c.ack(xds.EndpointType)
	}
	synced(t, s)
	runtime.GC()
	streams := s.list()
	a, b := streams[0].subs[0].names, streams[1].subs[0].names
	if len(a) != 100 || &a[0] != &b[0] {
		t.Errorf("two streams keep the same %d names twice", len(a))
	}
}

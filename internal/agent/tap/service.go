package tap

import (
	"time"

	servicev3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"

	"github.com/meshctl/meshctl/pkg/tap"
)

// linger is how long a stream of reports is kept once nobody looks: the proxy may have some on the way.
const linger = time.Second

// service takes the reports of Envoy (https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/accesslog/v3/als.proto).
type service struct {
	servicev3.UnimplementedAccessLogServiceServer
	c *Collector
}

// Register implements discovery.Service.
func (c *Collector) Register(r grpc.ServiceRegistrar) {
	servicev3.RegisterAccessLogServiceServer(r, service{c: c})
}

// StreamAccessLogs reads for as long as anybody looks. It never makes Envoy wait: what cannot be kept is counted.
func (s service) StreamAccessLogs(stream servicev3.AccessLogService_StreamAccessLogsServer) error {
	s.c.streams.Add(1)
	messages, failed := make(chan *servicev3.StreamAccessLogsMessage), make(chan struct{})
	go func() {
		for {
			m, err := stream.Recv()
			if err != nil {
				close(failed)
				return
			}
			select {
			case messages <- m:
			case <-stream.Context().Done():
				return
			}
		}
	}()
	idle := time.NewTimer(linger)
	defer idle.Stop()
	var side tap.Side
	ours := false
	for {
		select {
		case m := <-messages:
			if id := m.GetIdentifier(); id != nil {
				side, ours = tap.SideOf(id.GetLogName())
			}
			if ours {
				s.c.take(side, m)
			}
		case <-failed: // Envoy has gone, or its connection: there is nobody left to tell
			return nil
		case <-idle.C:
			if !s.c.active() {
				return nil
			}
			idle.Reset(linger)
		case <-stream.Context().Done():
			return nil
		}
	}
}

// take keeps the requests of a report that anybody wants to see.
func (c *Collector) take(side tap.Side, m *servicev3.StreamAccessLogsMessage) {
	entries, connections := m.GetHttpLogs().GetLogEntry(), m.GetTcpLogs().GetLogEntry()
	if !c.count(len(entries) + len(connections)) {
		return
	}
	for _, e := range entries {
		c.keep(request(side, e))
	}
	for _, e := range connections {
		c.keep(connection(side, e))
	}
}

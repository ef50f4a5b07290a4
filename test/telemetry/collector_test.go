package telemetry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// records are what a collector was sent, as JSON, one record each.
type records struct {
	mu   sync.Mutex
	list []string
}

func (r *records) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, text)
}

func (r *records) message(m proto.Message) { r.add(protojson.MarshalOptions{}.Format(m)) }

// find returns an error unless a record has all parts, spaces aside.
func (r *records) find(parts ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
next:
	for _, text := range r.list {
		plain := strings.ReplaceAll(text, " ", "")
		for _, p := range parts {
			if !strings.Contains(plain, strings.ReplaceAll(p, " ", "")) {
				continue next
			}
		}
		return nil
	}
	return fmt.Errorf("%d records, none with %q; the last: %.2000s", len(r.list), parts, strings.Join(r.list[max(0, len(r.list)-2):], "\n"))
}

func (r *records) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = nil
}

// zipkin takes spans as Zipkin does, one record a span; the headers of the request are a record too.
func zipkin(t *testing.T, r *records) int {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		var spans []json.RawMessage
		_ = json.Unmarshal(body, &spans)
		r.add("asked " + request.Method + " " + request.URL.Path)
		for _, s := range spans {
			r.add(request.URL.Path + " x-key: " + request.Header.Get("x-key") + " " + string(s))
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().(*net.TCPAddr).Port
}

// otlp takes traces and logs of OpenTelemetry, and Envoy's access logs, over gRPC.
func otlp(t *testing.T, r *records) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		headers, _ := metadata.FromIncomingContext(stream.Context())
		r.add(fmt.Sprint("called ", method, " as ", headers.Get("authentication")))
		<-stream.Context().Done()
		return nil
	}))
	server.RegisterService(export("opentelemetry.proto.collector.trace.v1.TraceService", r, func() proto.Message { return &tracev1.TracesData{} }), nil)
	server.RegisterService(export("opentelemetry.proto.collector.logs.v1.LogsService", r, func() proto.Message { return &logsv1.LogsData{} }), nil)
	alsv3.RegisterAccessLogServiceServer(server, accessLogs{records: r})
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return l.Addr().(*net.TCPAddr).Port
}

// export is a service of OpenTelemetry's protocol: its requests have the form of the data alone, its answers may be empty.
func export(name string, r *records, request func() proto.Message) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{ServiceName: name, Methods: []grpc.MethodDesc{{
		MethodName: "Export",
		Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := request()
			err := decode(in)
			r.message(in)
			return &emptypb.Empty{}, err
		},
	}}}
}

type accessLogs struct {
	alsv3.UnimplementedAccessLogServiceServer
	*records
}

func (s accessLogs) StreamAccessLogs(stream alsv3.AccessLogService_StreamAccessLogsServer) error {
	for {
		in, err := stream.Recv()
		if err != nil {
			return err
		}
		s.message(in)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

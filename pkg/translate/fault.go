package translate

import (
	"strconv"
	"strings"

	commonfaultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/fault/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

const faultFilter = "envoy.filters.http.fault"

// fault injects delays and aborts. Without a percentage no request is affected, as the API reference says.
func (b *routeBuilder) fault(f *networking.HTTPFaultInjection, path string) *faultv3.HTTPFault {
	out := &faultv3.HTTPFault{}
	if d := f.GetDelay(); d != nil {
		share := d.GetPercentage()
		if old := d.GetPercent(); share == nil && old > 0 { //nolint:staticcheck // users' files have it
			share = &networking.Percent{Value: float64(old)}
		}
		if positive(d.GetFixedDelay()) {
			out.Delay = &commonfaultv3.FaultDelay{
				FaultDelaySecifier: &commonfaultv3.FaultDelay_FixedDelay{FixedDelay: d.GetFixedDelay()}, Percentage: percent(share, 0),
			}
		} else {
			b.notes.failAs(codes.SchemaError, path+".delay.fixedDelay", "a delay must be at least 1ms", "for example fixedDelay: 5s")
		}
	}
	if a := f.GetAbort(); a != nil {
		out.Abort = b.abort(a, path+".abort")
	}
	if out.Delay == nil && out.Abort == nil {
		return nil
	}
	return out
}

func (b *routeBuilder) abort(a *networking.HTTPFaultInjection_Abort, path string) *faultv3.FaultAbort {
	out := &faultv3.FaultAbort{Percentage: percent(a.GetPercentage(), 0)}
	switch e := a.GetErrorType().(type) {
	case *networking.HTTPFaultInjection_Abort_HttpStatus:
		if e.HttpStatus < 200 || e.HttpStatus > 599 {
			b.notes.failAs(codes.SchemaError, path+".httpStatus", "Envoy aborts with a status from 200 to 599 only", "for example httpStatus: 503")
			return nil
		}
		out.ErrorType = &faultv3.FaultAbort_HttpStatus{HttpStatus: uint32(e.HttpStatus)}
	case *networking.HTTPFaultInjection_Abort_GrpcStatus:
		code, ok := grpcCode(e.GrpcStatus)
		if !ok {
			b.notes.failAs(codes.SchemaError, path+".grpcStatus", strconv.Quote(e.GrpcStatus)+" is not the name of a gRPC status", "for example grpcStatus: UNAVAILABLE")
			return nil
		}
		out.ErrorType = &faultv3.FaultAbort_GrpcStatus{GrpcStatus: code}
	default:
		b.notes.failAs(codes.SchemaError, path, "an abort needs httpStatus or grpcStatus", "for example httpStatus: 503")
		return nil
	}
	return out
}

// grpcCodes are the names of gRPC's status codes, by number.
var grpcCodes = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
	"UNAUTHENTICATED",
}

func grpcCode(name string) (uint32, bool) {
	for i, n := range grpcCodes {
		if strings.EqualFold(n, name) {
			return uint32(i), true
		}
	}
	return 0, false
}

// Package bookinfo is the Bookinfo sample application written in Go: four small HTTP services (productpage, details,
// reviews in three versions, ratings) with the names, ports, paths, labels and header behaviour that Istio's
// documentation describes for its sample of that name (https://istio.io/latest/docs/examples/bookinfo/), so that
// routing rules written for that sample do here what their authors expect.
//
// productpage calls details and reviews, reviews v2 and v3 call ratings. All calls go to the services' mesh names
// (http://reviews:9080), directly or through an outbound HTTP proxy.
package bookinfo

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Names of the four services; each is also the value of the workload's app label.
const (
	Productpage = "productpage"
	Details     = "details"
	Reviews     = "reviews"
	Ratings     = "ratings"
)

// Port is the service port of all four services.
const Port = 9080

// Options says which service to be, and what surrounds it.
type Options struct {
	// Service is one of Productpage, Details, Reviews, Ratings.
	Service string
	// Version is the workload's version label, "v1" by default. For reviews it decides what is answered: v1 without
	// ratings, v2 with black stars, v3 with red stars. The other services behave the same in every version.
	Version string
	// Listener takes the requests. Run closes it.
	Listener net.Listener
	// Proxy is the HTTP proxy for outbound calls, as a rule the sidecar's. Nil calls the services directly.
	Proxy *url.URL
	// Transport replaces the transport made from Proxy.
	Transport http.RoundTripper
	// Upstreams are the base URLs of the other services.
	Upstreams Upstreams
	// PodName and ClusterName are what reviews says of itself. Defaults: "SERVICE-VERSION" and "standalone".
	PodName, ClusterName string
	// CallTimeout bounds each call that productpage makes, 3 s by default. A failed call to reviews is repeated
	// once, so the page gives up on reviews after twice this time.
	CallTimeout time.Duration
	// RatingsTimeout bounds the call from reviews to ratings. Default: 10 s in v2, 2.5 s in v3.
	RatingsTimeout time.Duration
	// Grace is how long Run lets requests finish when its context is done, 3 s by default.
	Grace time.Duration
	// Log receives the reasons of failed calls; users of the page never see them. Nil discards.
	Log *slog.Logger
}

// Upstreams are base URLs without a path. An empty one stands for "http://NAME:9080".
type Upstreams struct {
	Details, Reviews, Ratings string
}

func (o Options) withDefaults() Options {
	o.Version = cmp.Or(o.Version, "v1")
	o.PodName = cmp.Or(o.PodName, o.Service+"-"+o.Version)
	o.ClusterName = cmp.Or(o.ClusterName, "standalone")
	o.CallTimeout = cmp.Or(o.CallTimeout, 3*time.Second)
	o.RatingsTimeout = cmp.Or(o.RatingsTimeout, reviewsVersions[o.Version].timeout)
	o.Grace = cmp.Or(o.Grace, 3*time.Second)
	o.Upstreams.Details = cmp.Or(o.Upstreams.Details, "http://details:9080")
	o.Upstreams.Reviews = cmp.Or(o.Upstreams.Reviews, "http://reviews:9080")
	o.Upstreams.Ratings = cmp.Or(o.Upstreams.Ratings, "http://ratings:9080")
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy:               http.ProxyURL(o.Proxy),
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     30 * time.Second,
		}
	}
	return o
}

// NewHandler returns the service that o asks for. It ignores Listener and Grace.
func NewHandler(o Options) (http.Handler, error) {
	o = o.withDefaults()
	calls := caller{client: &http.Client{Transport: o.Transport}, log: o.Log}
	switch o.Service {
	case Productpage:
		return newProductpage(o, calls)
	case Details:
		return newDetails(), nil
	case Reviews:
		return newReviews(o, calls)
	case Ratings:
		return newRatings(), nil
	default:
		return nil, fmt.Errorf("bookinfo has no service %q: choose %s, %s, %s or %s",
			o.Service, Productpage, Details, Reviews, Ratings)
	}
}

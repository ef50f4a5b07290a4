package mesh_test

// versions names those of Bookinfo that the demo does not run.
var versions = []string{"destination-rule-all.yaml"}

// known says of every sample what it must do.
var known = map[string]sample{
	"bookinfo-gateway.yaml":                    {},
	"bookinfo.yaml":                            {},
	"destination-rule-all.yaml":                {show: cluster("reviews-v3", "outbound|9080|v2-mysql|ratings.default.svc.cluster.local", "EDS")},
	"destination-rule-all-mtls.yaml":           {show: all(mutualTLSOnly, served(30, nil, "v1", "v2", "v3"))},
	"destination-rule-reviews.yaml":            {show: all(random, served(60, nil, "v1", "v2", "v3"))},
	"virtual-service-all-v1.yaml":              {show: served(30, nil, "v1")},
	"virtual-service-reviews-v3.yaml":          {show: served(30, nil, "v3")},
	"virtual-service-reviews-50-v3.yaml":       {show: split("v1", "v3", 50)},
	"virtual-service-reviews-v2-v3.yaml":       {show: split("v2", "v3", 50)},
	"virtual-service-reviews-90-10.yaml":       {show: split("v1", "v2", 90)},
	"virtual-service-reviews-80-20.yaml":       {show: split("v1", "v2", 80)},
	"virtual-service-reviews-test-v2.yaml":     {show: all(served(30, jason, "v2"), served(30, nil, "v1"), served(5, anna, "v1"))},
	"virtual-service-reviews-jason-v2-v3.yaml": {show: all(served(30, jason, "v2"), served(30, nil, "v3"), served(5, anna, "v3"))},
	"virtual-service-details-v2.yaml":          {with: versions, show: all(answers("/api/v1/products/0", 503), page("details are currently unavailable"))},
	"virtual-service-ratings-db.yaml":          {with: versions, show: noRatings},
	"virtual-service-ratings-mysql.yaml":       {with: versions, show: noRatings},
	"virtual-service-ratings-mysql-vm.yaml":    {with: versions, show: noRatings},
	"virtual-service-ratings-test-abort.yaml": {
		with: []string{"virtual-service-reviews-test-v2.yaml"},
		show: all(stars(jason, "Ratings service is currently unavailable"), stars(nil, "none")),
	},
	"virtual-service-ratings-test-delay.yaml": {
		// As Istio's task applies them one after the other. What stands twice is reported, and the last file counts.
		with:     []string{"virtual-service-all-v1.yaml", "virtual-service-reviews-test-v2.yaml"},
		show:     all(stars(nil, "none"), delayed),
		problems: true,
	},
	"fault-injection-details-v1.yaml":   {show: answers("/api/v1/products/0", 555)},
	"fault-injection-ratings-half.yaml": {show: halfOfTheRatings},
	"timeout.yaml":                      {show: impatient},
	"retries.yaml":                      {prepare: failingRatings, show: noFailure},
	"circuit-breaker.yaml":              {show: overflows},
	"mirror.yaml":                       {show: all(served(30, nil, "v1"), mirrored)},
	"headers.yaml":                      {with: []string{"virtual-service-reviews-test-v2.yaml"}, show: headers},
	"redirect-rewrite.yaml":             {show: redirects},
	"peer-authentication-strict.yaml":   {prepare: plaintextPasses, show: all(plaintextRefused, served(30, nil, "v1", "v2", "v3"))},
	"mesh-registry-only.yaml":           {prepare: outside, show: noWayOut},
	"sidecar-productpage.yaml":          {show: all(answers("/api/v1/products/0/ratings", 503), served(30, nil, "v1", "v2", "v3"))},
	"service-entry-static.yaml":         {prepare: onFreePorts("8000"), show: named("archive.bookinfo.example", map[string]int{"8000": 40})},
	"workload-entry.yaml": {
		prepare: onFreePorts("8001", "8002"), show: named("shelf.bookinfo.example", map[string]int{"8001": 60, "8002": 20}),
	},
	"service-entry-dns.yaml":       {show: cluster("details-v1", "outbound|80||www.example.com", "STRICT_DNS")},
	"egress-rule-google-apis.yaml": {show: cluster("details-v1", "outbound|443||www.googleapis.com", "UpstreamTlsContext")},
	"tcp-echo.yaml":                {prepare: echoers, show: echoes},
	"workload-group.yaml":          {show: registers},

	// Only Istio has these.
	"certmanager-gateway.yaml": {show: cluster("istio-ingressgateway", "BlackHoleCluster", "BlackHoleCluster"), problems: true},
}

package ca

import (
	"strings"
	"testing"
	"time"
)

// A time with a reading of the monotonic clock, which stands still while the machine sleeps, would be compared by that.
func TestServingRenewsByTheWallClock(t *testing.T) {
	a := testAuthority(t, newClock())
	a.options.Now = time.Now
	serving := a.Serving(Identity{"cluster.local", "istio-system", "istiod"}, "localhost")
	if _, err := serving.Certificate(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(serving.renew.String(), "m=") {
		t.Errorf("renewal is due at %s, by the monotonic clock", serving.renew)
	}
}

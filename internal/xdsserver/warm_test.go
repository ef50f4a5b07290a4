package xdsserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/xds"
)

// Clusters that keep coming while one does not get warm do not put off the listeners for ever.
func TestListenersDoNotWaitForEver(t *testing.T) {
	const wait = 100 * time.Millisecond
	m, _, address := serve(t, Options{WarmTimeout: wait}, cluster("a", 1), listener("l", "1"))
	c := newDeltaClient(t, address)
	c.ask(xds.ClusterType)
	c.expect("CDS a")
	c.ask(xds.ListenerType)
	c.expect("LDS l")
	all := []*xds.Resource{cluster("a", 1), listener("l", "2")}
	tick := time.NewTicker(wait / 2)
	defer tick.Stop()
	for i := range 40 {
		all = append(all, cluster(fmt.Sprintf("new-%d", i), 1))
		m.set(all...)
		for got := ""; !strings.HasPrefix(got, "CDS"); { // which is never acknowledged
			if got = c.next(); got == "LDS l" {
				return
			}
		}
		<-tick.C
	}
	t.Errorf("the listener still waits after %s", 40*wait/2)
}

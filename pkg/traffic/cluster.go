package traffic

import (
	"strconv"
	"strings"
)

// clusterName is a cluster's name taken apart, see
// https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/: DIRECTION|PORT|SUBSET|HOST.
type clusterName struct {
	inbound bool
	port    uint32
	subset  string
	host    string
}

// parseName reports false for clusters of no service, such as PassthroughCluster.
func parseName(name string) (clusterName, bool) {
	parts := strings.Split(name, "|")
	if len(parts) != 4 || parts[0] != "outbound" && parts[0] != "inbound" {
		return clusterName{}, false
	}
	port, err := strconv.ParseUint(parts[1], 10, 32)
	if err != nil {
		return clusterName{}, false
	}
	return clusterName{inbound: parts[0] == "inbound", port: uint32(port), subset: parts[2], host: parts[3]}, true
}

// passthrough is the cluster for what the mesh does not know.
const passthrough = "PassthroughCluster"

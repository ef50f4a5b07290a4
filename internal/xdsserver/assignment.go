package xdsserver

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/meshctl/meshctl/pkg/xds"
)

// Field numbers of envoy.config.cluster.v3.Cluster (type, eds_cluster_config), of its EdsClusterConfig (service_name), and
// the value EDS of its DiscoveryType.
const (
	clusterTypeField = 2
	edsConfigField   = 3
	serviceNameField = 2
	discoveryTypeEDS = 3
)

// assignmentOf returns the name of the ClusterLoadAssignment that a cluster of type EDS needs, empty for any other cluster.
// It looks at two fields of the encoded cluster: decoding all of it would cost as much as having built it.
func assignmentOf(cluster *xds.Resource) string {
	isEDS, service := false, ""
	eachField(cluster.Any.GetValue(), func(num protowire.Number, varint uint64, bytes []byte) {
		switch num {
		case clusterTypeField:
			isEDS = varint == discoveryTypeEDS
		case edsConfigField:
			eachField(bytes, func(num protowire.Number, _ uint64, bytes []byte) {
				if num == serviceNameField {
					service = string(bytes)
				}
			})
		}
	})
	switch {
	case !isEDS:
		return ""
	case service != "":
		return service
	default:
		return cluster.Name
	}
}

// eachField calls visit with every varint and every length-delimited field at the top of an encoded message.
func eachField(encoded []byte, visit func(num protowire.Number, varint uint64, bytes []byte)) {
	for len(encoded) > 0 {
		num, typ, n := protowire.ConsumeTag(encoded)
		if n < 0 {
			return
		}
		encoded = encoded[n:]
		size := protowire.ConsumeFieldValue(num, typ, encoded)
		if size < 0 {
			return
		}
		switch typ {
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(encoded)
			visit(num, v, nil)
		case protowire.BytesType:
			b, _ := protowire.ConsumeBytes(encoded)
			visit(num, 0, b)
		}
		encoded = encoded[size:]
	}
}

package gatewaydeploy

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh/convert"
)

// ports are those of the Gateway's listeners, and of the ListenerSets that it takes, each once; the first is by what load balancers learn
// whether the proxy is well.
func (b *builder) ports() []corev1.ServicePort {
	tcp := "tcp"
	out := []corev1.ServicePort{{Name: "status-port", Port: healthPort, TargetPort: intstr.FromInt32(healthPort), Protocol: corev1.ProtocolTCP, AppProtocol: &tcp}}
	names, numbers := map[string]bool{"status-port": true}, map[int32]bool{healthPort: true}
	for _, l := range convert.Listeners(world{b.Mesh.Set()}, b.gateway, b.Mesh.Set().Sorted(config.ListenerSet)) {
		number := l.Port
		if l.Protocol == gatewayv1.UDPProtocolType || numbers[number] {
			continue
		}
		protocol := strings.ToLower(string(l.Protocol))
		name := strings.Trim(strings.ReplaceAll(string(l.Name), ".", "-"), "-")
		if len(validation.IsDNS1123Label(name)) > 0 || names[name] {
			name = fmt.Sprintf("%s-%d", strings.Trim(strings.Map(letters, protocol), "-"), number)
		}
		if len(validation.IsDNS1123Label(name)) > 0 || names[name] {
			name = fmt.Sprintf("port-%d", number)
		}
		names[name], numbers[number] = true, true
		p := corev1.ServicePort{Name: name, Port: number, TargetPort: intstr.FromInt32(number), Protocol: corev1.ProtocolTCP}
		if len(validation.IsQualifiedName(protocol)) == 0 {
			p.AppProtocol = &protocol
		}
		out = append(out, p)
	}
	return out
}

// world is the mesh's objects, as conversions look at them.
type world struct{ config.Set }

// In implements convert.World.
func (w world) In(kind config.Kind, namespace string) []*config.Object {
	return slices.DeleteFunc(w.Sorted(kind), func(o *config.Object) bool { return o.Key.Namespace != namespace })
}

// letters leaves what the names of ports may have.
func letters(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
		return r
	}
	return '-'
}

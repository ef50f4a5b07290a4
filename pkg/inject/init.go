package inject

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// initContainer redirects the pod's traffic, except that of the proxy's user.
func (p *pod) initContainer(user int64) corev1.Container {
	g := p.Settings.Values.Global
	resources, _ := p.resources(g.Proxy.Resources) // judged with the proxy's
	if r := g.ProxyInit.Resources; len(r.Limits)+len(r.Requests) > 0 {
		resources = *r.DeepCopy()
	}
	context := restricted(g.Proxy.Privileged)
	root, no := int64(0), false
	context.RunAsUser, context.RunAsGroup, context.RunAsNonRoot = &root, &root, &no
	context.Capabilities.Add = []corev1.Capability{"NET_ADMIN"}
	return corev1.Container{
		Name: InitContainer, Image: p.image(cmp.Or(g.ProxyInit.Image, g.Proxy.Image)), ImagePullPolicy: corev1.PullPolicy(g.ImagePullPolicy),
		Args: p.redirect(user), Resources: resources, SecurityContext: context,
	}
}

// redirect are the arguments of mesh-agent redirect.
func (p *pod) redirect(user int64) []string {
	const traffic = "traffic.sidecar.istio.io/"
	values := p.Settings.Values.Global.Proxy
	m := p.Mesh.Config().Mesh
	args := []string{
		"redirect", "-p", fmt.Sprint(cmp.Or(m.GetProxyListenPort(), 15001)), "-z", fmt.Sprint(cmp.Or(m.GetProxyInboundListenPort(), 15006)),
		"-u", fmt.Sprint(user), "-m", p.mode,
		"-i", p.annotation(traffic+"includeOutboundIPRanges", values.IncludeIPRanges),
		"-x", p.annotation(traffic+"excludeOutboundIPRanges", values.ExcludeIPRanges),
		"-b", p.annotation(traffic+"includeInboundPorts", string(values.IncludeInboundPorts)),
		"-d", p.excludedInbound(p.annotation(traffic+"excludeInboundPorts", string(values.ExcludeInboundPorts))),
	}
	for _, optional := range []struct{ flag, value string }{
		{"-q", p.annotation(traffic+"includeOutboundPorts", string(values.IncludeOutboundPorts))},
		{"-o", p.annotation(traffic+"excludeOutboundPorts", string(values.ExcludeOutboundPorts))},
		{"-c", p.out.Annotations[traffic+"excludeInterfaces"]},
	} {
		if optional.value != "" {
			args = append(args, optional.flag, optional.value)
		}
	}
	if p.proxy.GetProxyMetadata()["ISTIO_META_DNS_CAPTURE"] == "true" {
		args = append(args, "--dns-port", fmt.Sprint(dnsPort))
	}
	return args
}

// excludedInbound are the proxy's own ports and those that the pod excludes.
func (p *pod) excludedInbound(more string) string {
	ports := []string{fmt.Sprint(prometheusPort), fmt.Sprint(healthPort)}
	if p.statusPort != 0 {
		ports = append(ports, fmt.Sprint(p.statusPort))
	}
	for port := range strings.SplitSeq(more, ",") {
		if port = strings.TrimSpace(port); port != "" && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return strings.Join(ports, ",")
}

// image is that of the pod's annotation or the settings: whole when there is a slash in it, else a name in their registry. Of our own
// image there is one variant, which is distroless.
func (p *pod) image(name string) string {
	g := p.Settings.Values.Global
	if own := p.out.Annotations["sidecar.istio.io/proxyImage"]; own != "" {
		name = own
	}
	if strings.Contains(name, "/") {
		return name
	}
	variant := p.annotation("sidecar.istio.io/proxyImageType", cmp.Or(p.proxy.GetImage().GetImageType(), g.Variant))
	name, tag := cmp.Or(name, proxyImage), string(g.Tag)
	if name == proxyImage && variant == "debug" {
		p.warnOnce("image type debug: there is no such variant of " + proxyImage + "; the usual one is used")
	}
	if name != proxyImage && variant != "" {
		tag = strings.TrimSuffix(strings.TrimSuffix(tag, "-distroless"), "-debug")
		if variant != "default" {
			tag += "-" + variant
		}
	}
	return g.Hub + "/" + name + ":" + tag
}

func (p *pod) warnOnce(text string) {
	if !slices.Contains(p.warnings, text) {
		p.warnings = append(p.warnings, text)
	}
}

package inject

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// addContainers adds the proxy, what redirects traffic to it, and their volumes.
func (p *pod) addContainers() error {
	if err := p.addVolumes(); err != nil {
		return err
	}
	proxy, err := p.proxyContainer()
	if err != nil {
		return err
	}
	if proxy, err = p.customised(proxy, p.before.proxy, p.before.own); err != nil {
		return err
	}
	spec := &p.out.Spec
	var first []corev1.Container
	if !p.gateway && p.mode != "NONE" {
		init, err := p.customised(p.initContainer(userOf(proxy)), p.before.init, nil)
		if err != nil {
			return err
		}
		first = []corev1.Container{init}
	}
	switch {
	case p.native: // the program's init containers are in the mesh too
		spec.InitContainers = slices.Concat(first, []corev1.Container{proxy}, spec.InitContainers)
	case p.holds():
		spec.InitContainers, spec.Containers = slices.Concat(spec.InitContainers, first), slices.Concat([]corev1.Container{proxy}, spec.Containers)
	default: // redirection begins when the program's own init containers have had their network
		spec.InitContainers, spec.Containers = slices.Concat(spec.InitContainers, first), append(spec.Containers, proxy)
	}
	return nil
}

// customised puts the container over what there was of an earlier injection, and the author's own over both.
func (p *pod) customised(c corev1.Container, earlier, own *corev1.Container) (corev1.Container, error) {
	var err error
	if earlier != nil {
		earlier.VolumeMounts = slices.DeleteFunc(earlier.VolumeMounts, func(m corev1.VolumeMount) bool { return !p.hasVolume(m.Name) })
		earlier.Command, earlier.RestartPolicy, earlier.Lifecycle, earlier.StartupProbe, earlier.ReadinessProbe = nil, nil, nil, nil, nil
		if c, err = mergeContainer(earlier, &c); err != nil {
			return c, err
		}
	}
	if own == nil {
		return c, nil
	}
	over := own.DeepCopy()
	if over.Image == "auto" { // its pull policy is what the API server makes of an image without a tag
		over.Image, over.ImagePullPolicy = "", ""
	}
	if over.Image == "" {
		over.Image = c.Image
	}
	return mergeContainer(&c, over)
}

// userOf is the user that a container runs as.
func userOf(c corev1.Container) int64 {
	if s := c.SecurityContext; s != nil && s.RunAsUser != nil && *s.RunAsUser != 0 {
		return *s.RunAsUser
	}
	return proxyUser
}

func (p *pod) proxyContainer() (corev1.Container, error) {
	g := p.Settings.Values.Global
	image := p.image(g.Proxy.Image)
	resources, err := p.resources(g.Proxy.Resources)
	if err != nil {
		return corev1.Container{}, err
	}
	args, err := p.arguments(resources)
	if err != nil {
		return corev1.Container{}, err
	}
	c := corev1.Container{
		Name: ProxyContainer, Image: image, ImagePullPolicy: corev1.PullPolicy(g.ImagePullPolicy),
		Args: args, Env: p.environment(resources), Resources: resources,
		Ports:           []corev1.ContainerPort{{Name: "http-envoy-prom", ContainerPort: 15090, Protocol: corev1.ProtocolTCP}},
		VolumeMounts:    p.mounts(),
		SecurityContext: restricted(g.Proxy.Privileged),
		Lifecycle:       p.lifecycle(),
	}
	if p.native {
		always := corev1.ContainerRestartPolicyAlways
		c.RestartPolicy = &always
	}
	p.healthProbes(&c)
	return c, nil
}

// holds reports whether programs of a classic sidecar start after the proxy is ready.
func (p *pod) holds() bool {
	return !p.gateway && !p.native && (p.proxy.GetHoldApplicationUntilProxyStarts().GetValue() || p.Settings.Values.Global.Proxy.HoldApplication)
}

// lifecycle is that of the settings. Where programs are held, the kubelet starts the next container when postStart has ended; a native
// sidecar has its startup probe for that.
func (p *pod) lifecycle() *corev1.Lifecycle {
	if l := p.Settings.Values.Global.Proxy.Lifecycle; l != nil && (l.PostStart != nil || l.PreStop != nil) {
		return l.DeepCopy()
	}
	if !p.holds() {
		return nil
	}
	return &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/usr/local/bin/mesh-agent", "wait"}}}}
}

func (p *pod) healthProbes(c *corev1.Container) {
	if p.statusPort == 0 {
		return
	}
	values := p.Settings.Values.Global.Proxy
	ready := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz/ready", Port: intstr.FromInt32(healthPort)}}
	seconds := func(name string, otherwise int32) int32 {
		if text, given := p.out.Annotations["readiness.status.sidecar.istio.io/"+name]; given {
			return number(text)
		}
		return otherwise
	}
	c.ReadinessProbe = &corev1.Probe{
		ProbeHandler: ready, TimeoutSeconds: 3,
		InitialDelaySeconds: seconds("initialDelaySeconds", values.ReadinessInitialDelaySeconds),
		PeriodSeconds:       seconds("periodSeconds", values.ReadinessPeriodSeconds),
		FailureThreshold:    seconds("failureThreshold", values.ReadinessFailureThreshold),
	}
	holdsNative := p.native && (p.proxy.GetHoldApplicationUntilProxyStarts().GetValue() || values.HoldApplication)
	if values.StartupProbe.Enabled || holdsNative { // gateways too: without it they are ready a whole period of the readiness probe late
		c.StartupProbe = &corev1.Probe{ProbeHandler: ready, TimeoutSeconds: 3, PeriodSeconds: 1, FailureThreshold: max(values.StartupProbe.FailureThreshold, 1)}
	}
}

// restricted is what Kubernetes' restricted pod security asks for
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/).
func restricted(privileged bool) *corev1.SecurityContext {
	yes, user := true, int64(proxyUser)
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &privileged, Privileged: &privileged, ReadOnlyRootFilesystem: &yes, RunAsNonRoot: &yes,
		RunAsUser: &user, RunAsGroup: &user,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// finish adds what belongs to the pod as a whole, and says what was added.
func (p *pod) finish() error {
	spec := &p.out.Spec
	for _, name := range p.Settings.Values.Global.ImagePullSecrets {
		if !slices.ContainsFunc(spec.ImagePullSecrets, func(r corev1.LocalObjectReference) bool { return r.Name == name }) {
			spec.ImagePullSecrets = append(spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
			p.added.secrets = append(p.added.secrets, name)
		}
	}
	if p.gateway {
		p.lowPorts()
	}
	if d := spec.DNSPolicy; d != "" && d != corev1.DNSClusterFirst && d != corev1.DNSClusterFirstWithHostNet {
		p.warn("dnsPolicy %s: the proxy may not find the control plane, which it knows by a name of the cluster", d)
	}
	return p.writeStatus()
}

// lowPorts lets a gateway listen on ports below 1024 without any privilege.
func (p *pod) lowPorts() {
	const name = "net.ipv4.ip_unprivileged_port_start"
	if p.out.Spec.SecurityContext == nil {
		p.out.Spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	s := p.out.Spec.SecurityContext
	if !slices.ContainsFunc(s.Sysctls, func(s corev1.Sysctl) bool { return s.Name == name }) {
		s.Sysctls = append(s.Sysctls, corev1.Sysctl{Name: name, Value: "0"})
	}
}

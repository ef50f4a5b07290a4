package inject

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"istio.io/api/annotation"
	"k8s.io/apimachinery/pkg/api/resource"
)

// InvalidValue says what is wrong with the value of one of Istio's annotations
// (https://istio.io/latest/docs/reference/config/annotations/); nothing for values that can be read and for annotations that take any
// text. The ProxyConfig in an annotation is checked where it is decoded.
func InvalidValue(name, value string) string {
	switch name {
	case annotation.SidecarInterceptionMode.Name:
		return oneOf(value, "REDIRECT", "TPROXY", "NONE")
	case annotation.SidecarStatusPort.Name:
		return portNumber(value)
	case annotation.SidecarStatusReadinessInitialDelaySeconds.Name, annotation.SidecarStatusReadinessPeriodSeconds.Name,
		annotation.SidecarStatusReadinessFailureThreshold.Name, annotation.SidecarStatsHistogramBins.Name:
		return wholeNumber(value)
	case annotation.SidecarTrafficIncludeOutboundIPRanges.Name:
		return unlessAll(value, prefixes)
	case annotation.SidecarTrafficExcludeOutboundIPRanges.Name:
		return prefixes(value)
	case annotation.SidecarTrafficIncludeInboundPorts.Name, annotation.SidecarTrafficIncludeOutboundPorts.Name:
		return unlessAll(value, portNumbers)
	case annotation.SidecarTrafficExcludeInboundPorts.Name, annotation.SidecarTrafficExcludeOutboundPorts.Name,
		annotation.SidecarStatusReadinessApplicationPorts.Name:
		return portNumbers(value)
	case annotation.SidecarTrafficExcludeInterfaces.Name, annotation.SidecarTrafficKubevirtInterfaces.Name, annotation.IoIstioRerouteVirtualInterfaces.Name:
		return interfaces(value)
	case annotation.SidecarInject.Name:
		return oneOf(value, "true", "false")
	case annotation.PrometheusMergeMetrics.Name, annotation.SidecarRewriteAppHTTPProbers.Name, annotation.SidecarNativeSidecar.Name,
		annotation.IoIstioDryRun.Name, annotation.AmbientBypassInboundCapture.Name:
		return truth(value)
	case annotation.SidecarStatsFlushInterval.Name, annotation.SidecarStatsEvictionInterval.Name:
		return duration(value)
	case annotation.SidecarUserVolume.Name, annotation.SidecarUserVolumeMount.Name, annotation.SidecarStatsHistogramBuckets.Name:
		return jsonText(value)
	case annotation.SidecarProxyCPU.Name, annotation.SidecarProxyMemory.Name, annotation.SidecarProxyCPULimit.Name, annotation.SidecarProxyMemoryLimit.Name:
		return quantity(value)
	}
	return ""
}

func oneOf(value string, choices ...string) string {
	for _, c := range choices {
		if value == c {
			return ""
		}
	}
	return fmt.Sprintf("%q is not one of %s", value, strings.Join(choices, ", "))
}

func unlessAll(value string, check func(string) string) string {
	if value == "*" {
		return ""
	}
	return check(value)
}

func portNumber(value string) string {
	if _, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16); err != nil {
		return fmt.Sprintf("%q is no port", value)
	}
	return ""
}

func portNumbers(value string) string { return each(strings.TrimSpace(value), portNumber) }

func wholeNumber(value string) string {
	if _, err := strconv.ParseUint(value, 10, 32); err != nil {
		return fmt.Sprintf("%q is no number of 0 or more", value)
	}
	return ""
}

func prefixes(value string) string {
	return each(value, func(s string) string {
		if _, err := netip.ParsePrefix(s); err != nil {
			return fmt.Sprintf("%q is no range of addresses such as 10.0.0.0/8", s)
		}
		return ""
	})
}

// interfaces checks the names of network interfaces: Linux takes up to 15 characters, no slash and no space.
func interfaces(value string) string {
	return each(value, func(s string) string {
		s = strings.TrimSpace(s)
		if s == "" || len(s) > 15 || strings.ContainsAny(s, "/ \t") {
			return fmt.Sprintf("%q is no name of a network interface", s)
		}
		return ""
	})
}

func truth(value string) string {
	if _, err := strconv.ParseBool(value); err != nil {
		return fmt.Sprintf("%q is neither true nor false", value)
	}
	return ""
}

func duration(value string) string {
	if _, err := time.ParseDuration(value); err != nil {
		return fmt.Sprintf("%q is no duration such as 5s", value)
	}
	return ""
}

func jsonText(value string) string {
	if !json.Valid([]byte(value)) {
		return "the value is no JSON"
	}
	return ""
}

func quantity(value string) string {
	if _, err := resource.ParseQuantity(value); err != nil {
		return fmt.Sprintf("%q is no amount such as 100m or 128Mi", value)
	}
	return ""
}

// each checks every part of a list with commas; an empty list is fine.
func each(list string, check func(string) string) string {
	if list == "" {
		return ""
	}
	for part := range strings.SplitSeq(list, ",") {
		if problem := check(part); problem != "" {
			return problem
		}
	}
	return ""
}

package proxyconfig

import "strconv"

// routeDestination says what becomes of a request: the cluster or clusters, a redirect, an answer.
func routeDestination(route Tree) string {
	switch {
	case object(route, "route") != nil:
		return clusterDestination(object(route, "route"))
	case object(route, "redirect") != nil:
		return redirection(object(route, "redirect"))
	case object(route, "direct_response") != nil:
		return strconv.Itoa(number(route, "direct_response", "status"))
	default:
		return ""
	}
}

func clusterDestination(action Tree) string {
	switch {
	case text(action, "cluster") != "":
		return text(action, "cluster")
	case text(action, "cluster_header") != "":
		return "header " + text(action, "cluster_header")
	case object(action, "weighted_clusters") != nil:
		return weighted(objects(action, "weighted_clusters", "clusters"))
	case object(action, "inline_cluster_specifier_plugin") != nil:
		return "plugin " + text(action, "inline_cluster_specifier_plugin", "extension", "name")
	default:
		return text(action, "cluster_specifier_plugin")
	}
}

func redirection(r Tree) string {
	scheme := text(r, "scheme_redirect")
	if truth(r, "https_redirect") {
		scheme = "https"
	}
	to := text(r, "host_redirect")
	if scheme != "" {
		to = scheme + "://" + to
	}
	if port := number(r, "port_redirect"); port != 0 {
		to += ":" + strconv.Itoa(port)
	}
	return "redirect " + to + first(text(r, "path_redirect"), text(r, "prefix_rewrite"))
}

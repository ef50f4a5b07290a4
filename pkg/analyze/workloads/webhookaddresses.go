package workloads

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/inject"
)

func webhookAddresses() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "webhook-addresses",
		Doc:   "where webhooks look for a control plane outside the cluster",
		Codes: []codes.Code{codes.WebhookAddress, codes.WebhookExternal},
		Kinds: []config.Kind{config.MutatingWebhook, config.ValidatingWebhook},
		Run: func(p *analyze.Pass) {
			for _, o := range p.All(config.MutatingWebhook) {
				if hooks, ok := o.Spec.(*admissionv1.MutatingWebhookConfiguration); ok && strings.HasPrefix(o.Key.Name, inject.ConfigMapName) {
					for i, w := range hooks.Webhooks {
						judgeAddress(p, o, i, w.Name, w.ClientConfig)
					}
				}
			}
			for _, o := range p.All(config.ValidatingWebhook) {
				hooks, ok := o.Spec.(*admissionv1.ValidatingWebhookConfiguration)
				if ok && (o.Key.Name == "istiod-default-validator" || strings.HasPrefix(o.Key.Name, "istio-validator")) {
					for i, w := range hooks.Webhooks {
						judgeAddress(p, o, i, w.Name, w.ClientConfig)
					}
				}
			}
		},
	}
}

func judgeAddress(p *analyze.Pass, o *config.Object, i int, name string, client admissionv1.WebhookClientConfig) {
	field := fmt.Sprintf("webhooks[%d].clientConfig", i)
	invalid := func(field, what string) {
		p.Report(analyze.Finding{
			Code: codes.WebhookAddress, Object: o, Field: field, Message: fmt.Sprintf("%s %s: the control plane is not asked", name, what),
			Fix: "write the URL at which the external control plane's gateway is reached, or the name of a Service",
		})
	}
	if client.URL == nil {
		if client.Service == nil {
			invalid(field, "has neither a URL nor a Service")
		}
		return
	}
	address, err := url.Parse(*client.URL)
	if err != nil || address.Hostname() == "" {
		invalid(field+".url", fmt.Sprintf("has the URL %q, which names no host", *client.URL))
		return
	}
	if _, err := netip.ParseAddr(address.Hostname()); err == nil {
		p.Report(analyze.Finding{
			Code: codes.WebhookExternal, Object: o, Field: field + ".url",
			Message: fmt.Sprintf("%s names the external control plane by an IP address, which certificates seldom cover and which changes", name),
			Fix:     "use a host name",
		})
	}
}

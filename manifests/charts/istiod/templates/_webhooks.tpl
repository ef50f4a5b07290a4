{{- /*
The webhooks of an injector, for pods that ask for "rev". The selectors are Istio's: whoever names a revision asks for it; who
says istio-injection or sidecar.istio.io/inject asks for the default one. One pod matches at most one of them.
https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/
*/}}
{{- define "istiod.webhook" -}}
- name: {{ .prefix }}sidecar-injector.istio.io
  admissionReviewVersions: [v1]
  clientConfig:
    service:
      name: {{ include "istiod.name" .root }}
      namespace: {{ .root.Release.Namespace }}
      path: /inject
      port: 443
  failurePolicy: Fail
  reinvocationPolicy: {{ .root.Values.sidecarInjectorWebhook.reinvocationPolicy }}
  sideEffects: None
  timeoutSeconds: 10
  rules:
  - apiGroups: [""]
    apiVersions: [v1]
    operations: [CREATE]
    resources: [pods]
    scope: Namespaced
{{- end }}

{{- define "istiod.webhooks" -}}
{{ include "istiod.webhook" (dict "root" .root "prefix" "rev.namespace.") }}
  namespaceSelector:
    matchExpressions:
    - {key: istio.io/rev, operator: In, values: [{{ .rev | quote }}]}
    - {key: istio-injection, operator: DoesNotExist}
  objectSelector:
    matchExpressions:
    - {key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}
{{ include "istiod.webhook" (dict "root" .root "prefix" "rev.object.") }}
  namespaceSelector:
    matchExpressions:
    - {key: istio.io/rev, operator: DoesNotExist}
    - {key: istio-injection, operator: DoesNotExist}
  objectSelector:
    matchExpressions:
    - {key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}
    - {key: istio.io/rev, operator: In, values: [{{ .rev | quote }}]}
{{- if eq .rev "default" }}
{{ include "istiod.webhook" (dict "root" .root "prefix" "namespace.") }}
  namespaceSelector:
    matchExpressions:
    - {key: istio-injection, operator: In, values: [enabled]}
  objectSelector:
    matchExpressions:
    - {key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}
{{ include "istiod.webhook" (dict "root" .root "prefix" "object.") }}
  namespaceSelector:
    matchExpressions:
    - {key: istio-injection, operator: DoesNotExist}
    - {key: istio.io/rev, operator: DoesNotExist}
  objectSelector:
    matchExpressions:
    - {key: sidecar.istio.io/inject, operator: In, values: ["true"]}
    - {key: istio.io/rev, operator: DoesNotExist}
{{- if .root.Values.sidecarInjectorWebhook.enableNamespacesByDefault }}
{{ include "istiod.webhook" (dict "root" .root "prefix" "auto.") }}
  namespaceSelector:
    matchExpressions:
    - {key: istio-injection, operator: DoesNotExist}
    - {key: istio.io/rev, operator: DoesNotExist}
    - {key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system, kube-public, kube-node-lease, local-path-storage]}
  objectSelector:
    matchExpressions:
    - {key: sidecar.istio.io/inject, operator: DoesNotExist}
    - {key: istio.io/rev, operator: DoesNotExist}
{{- end }}
{{- end }}
{{- end }}

{{- define "base.labels" -}}
app: istio-base
app.kubernetes.io/name: istio-base
app.kubernetes.io/part-of: istio
app.kubernetes.io/managed-by: {{ .Release.Service }}
istio.io/rev: default
operator.istio.io/component: Base
{{- end }}

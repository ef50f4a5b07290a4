{{- /* The revision as it is written in labels, and as the end of names. */}}
{{- define "istiod.revision" -}}
{{ .Values.revision | default "default" }}
{{- end }}

{{- define "istiod.suffix" -}}
{{- if ne (include "istiod.revision" .) "default" }}-{{ .Values.revision }}{{ end }}
{{- end }}

{{- define "istiod.name" -}}
istiod{{ include "istiod.suffix" . }}
{{- end }}

{{- define "istiod.selectorLabels" -}}
app: istiod
{{- if include "istiod.suffix" . }}
istio.io/rev: {{ .Values.revision | quote }}
{{- else }}
istio: pilot
{{- end }}
{{- end }}

{{- define "istiod.labels" -}}
app: istiod
{{- if not (include "istiod.suffix" .) }}
istio: pilot
{{- end }}
app.kubernetes.io/name: istiod
app.kubernetes.io/part-of: istio
app.kubernetes.io/managed-by: {{ .Release.Service }}
istio.io/rev: {{ include "istiod.revision" . | quote }}
operator.istio.io/component: Pilot
{{- end }}

{{- define "istiod.tag" -}}
{{ .Values.global.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "istiod.image" -}}
{{- if contains "/" .Values.pilot.image -}}
{{ .Values.pilot.image }}
{{- else -}}
{{ .Values.pilot.hub | default .Values.global.hub }}/{{ .Values.pilot.image }}:{{ .Values.pilot.tag | default (include "istiod.tag" .) }}
{{- end }}
{{- end }}

{{- /* "default:info,ads:debug" is info. */}}
{{- define "istiod.logLevel" -}}
{{ .Values.global.logging.level | splitList "," | first | splitList ":" | last }}
{{- end }}

{{- /* How many replicas there are at the least, which tells whether a disruption budget makes sense. */}}
{{- define "istiod.leastReplicas" -}}
{{ ternary .Values.pilot.autoscaleMin .Values.pilot.replicaCount .Values.pilot.autoscaleEnabled | int }}
{{- end }}

{{- /* Whether proxies are deployed for Gateways of the Gateway API: Istio's charts have the same setting. */}}
{{- define "istiod.deploysGateways" -}}
{{- if ne (toString (index .Values.pilot.env "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER")) "false" }}true{{ end }}
{{- end }}

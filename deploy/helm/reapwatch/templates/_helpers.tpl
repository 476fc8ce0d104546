{{/* Labels of each object. Those of the pods are only the first, which never changes. */}}
{{- define "reapwatch.labels" -}}
app.kubernetes.io/name: reapwatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

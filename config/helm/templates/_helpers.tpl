{{- /* A release's chart knows the digest of its image, wherever that is copied to. It is not that of another tag. */ -}}
{{- define "scim-operator.image" -}}
{{ .Values.image.repository }}
{{- with .Values.image.digest }}@{{ . }}
{{- else }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- if not .Values.image.tag }}{{ with .Chart.Annotations }}{{ with index . "provisioning.rservice.dev/image-digest" }}@{{ . }}{{ end }}{{ end }}{{ end }}
{{- end }}
{{- end }}

{{- define "scim-operator.consoleYAML" -}}
{{ dict "apiVersion" "console.provisioning.rservice.dev/v1alpha1" "kind" "ConsoleConfiguration" "baseURL" (printf "https://%s" .Values.console.host) | merge (deepCopy .Values.console.config) | toYaml }}
{{- end }}

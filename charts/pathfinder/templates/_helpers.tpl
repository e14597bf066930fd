{{/*
The operator's objects have fixed names: its Lease does too, so a namespace holds one release, and a second one is
refused by Helm instead of sharing the Lease by accident.
*/}}
{{- define "pathfinder.name" -}}
pathfinder-operator
{{- end }}

{{- define "pathfinder.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pathfinder.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pathfinder.labels" -}}
{{ include "pathfinder.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pathfinder.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{ .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create -}}
{{ include "pathfinder.name" . }}
{{- else -}}
{{ fail "serviceAccount.create is false: set serviceAccount.name to the ServiceAccount that the operator should use" }}
{{- end }}
{{- end }}

{{- define "pathfinder.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/*
What the operator may do where it works: the same rules in a ClusterRole (whole cluster) or in one Role per namespace.
Server-side apply is a patch, and a create as well when the object does not exist yet.
*/}}
{{- define "pathfinder.operatorRules" -}}
- apiGroups: [pathfinder.dev]
  resources: [pathfinderclusters]
  verbs: [get, list, watch]
- apiGroups: [pathfinder.dev]
  resources: [pathfinderclusters/status]
  verbs: [patch]
# Every object we make names its PathfinderCluster as controlling owner with blockOwnerDeletion. Where the admission
# plugin OwnerReferencesPermissionEnforcement is on (OpenShift), setting that needs this permission.
- apiGroups: [pathfinder.dev]
  resources: [pathfinderclusters/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
# By name only: no list, no watch, and no delete (generated passwords outlive their PathfinderCluster).
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [get, update]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# A kind of the prometheus-operator: without it this rule is about nothing.
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  {{- if eq .Values.podMonitors.mode "Auto" }}
  verbs: [get, list, watch, create, patch, delete]
  {{- else }}
  verbs: [list, delete]
  {{- end }}
# What the figures are joined to and what status is computed from. Written is one annotation, just before a decrease: which
# pods are to go first (controller.kubernetes.io/pod-deletion-cost).
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch]
# What an increase must not pass.
- apiGroups: [""]
  resources: [resourcequotas]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/*
The folder with a file SECRET/KEY for every Secret that an endpoint names.
*/}}
{{- define "pathfinder.credentialsDir" -}}
/var/run/pathfinder/credentials
{{- end }}

{{/*
What endpoints name, as JSON: Secret to key to true, so that two endpoints may name the same one. Only these keys are mounted.
*/}}
{{- define "pathfinder.endpointSecrets" -}}
{{- $secrets := dict }}
{{- range $endpoint := .Values.prometheus.endpoints }}
{{- $named := list }}
{{- with ($endpoint.auth).bearer }}
{{- $named = append $named (list .secretName (.key | default "token")) }}
{{- end }}
{{- with ($endpoint.auth).basic }}
{{- $named = append $named (list .secretName (.usernameKey | default "username")) }}
{{- $named = append $named (list .secretName (.passwordKey | default "password")) }}
{{- end }}
{{- with $endpoint.tls }}
{{- if .caSecretName }}
{{- $named = append $named (list .caSecretName (.caKey | default "ca.crt")) }}
{{- end }}
{{- if .clientCertSecretName }}
{{- $named = append $named (list .clientCertSecretName "tls.crt") }}
{{- $named = append $named (list .clientCertSecretName "tls.key") }}
{{- end }}
{{- end }}
{{- range $named }}
{{- $keys := get $secrets (first .) | default dict }}
{{- $_ := set $keys (last .) true }}
{{- $_ := set $secrets (first .) $keys }}
{{- end }}
{{- end }}
{{- toJson $secrets }}
{{- end }}

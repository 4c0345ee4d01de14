package main

import (
	"errors"
	"fmt"
	"path"
	"reflect"
	"strconv"
	"strings"
)

// namespace is the operator's in the manifests.
const namespace = "scim-system"

// installation is a variant: the manifests with components, and with what edit makes of them.
type installation struct {
	// condition is when it is asked for, in the language of templates. The first has none.
	condition  string
	components []string
	edit       func(object)
}

// installations are the manifests as they are, and one variant for each component and each value that adds something.
var installations = []installation{
	{},
	{condition: ".Values.tls.certManager.enabled", components: []string{"tls/cert-manager"}},
	{condition: ".Values.tls.pod", components: []string{"tls/pod"}},
	// With tls/pod beside it, the route leads to the port that this gives the Service.
	{condition: ".Values.httpRoute.enabled", components: []string{"ingress/httproute"}, edit: on("HTTPRoute", set("spec/rules/0/backendRefs/0/port", expression("ternary 443 80 .Values.tls.pod")))},
	{condition: ".Values.namespaces", components: []string{"rbac/namespaces"}, edit: on("Deployment", add("spec/template/spec/containers/0/args", expression(`join "," .Values.namespaces | printf "--namespaces=%s" | quote`)))},
	{condition: ".Values.prometheus.enabled", components: []string{"prometheus"}},
	// The ConfigMap keeps its name, in the place of one with a hash, whose ConfigMap Helm would delete while pods of before use it.
	{condition: ".Values.console.enabled", components: []string{"console"}, edit: on("Deployment", set("spec/template/metadata/annotations/checksum~1console-config", quoted(`include "scim-operator.consoleYAML" . | sha256sum`)))},
	{condition: "and .Values.console.enabled .Values.console.ingress.enabled", components: []string{"console/ingress"}},
	{condition: "and .Values.console.enabled .Values.console.legacy", components: []string{"console/legacy"}},
	{condition: ".Values.issuers.enabled", components: []string{"issuers"}},
	{condition: ".Values.crds.keep", edit: on("CustomResourceDefinition", set("metadata/annotations/helm.sh~1resource-policy", "keep"))},
	{condition: ".Values.extraArgs", edit: on("Deployment", add("spec/template/spec/containers/0/args", values(".Values.extraArgs")))},
	{condition: ".Values.extraVolumes", edit: on("Deployment", add("spec/template/spec/volumes", values(".Values.extraVolumes")))},
	{condition: ".Values.extraVolumeMounts", edit: on("Deployment", add("spec/template/spec/containers/0/volumeMounts", values(".Values.extraVolumeMounts")))},
	{condition: ".Values.imagePullSecrets", edit: on("Deployment", set("spec/template/spec/imagePullSecrets", values(".Values.imagePullSecrets")))},
	{condition: ".Values.nodeSelector", edit: on("Deployment", set("spec/template/spec/nodeSelector", values(".Values.nodeSelector")))},
	{condition: ".Values.tolerations", edit: on("Deployment", set("spec/template/spec/tolerations", values(".Values.tolerations")))},
	{condition: ".Values.affinity", edit: on("Deployment", set("spec/template/spec/affinity", values(".Values.affinity")))},
	{condition: ".Values.topologySpreadConstraints", edit: on("Deployment", set("spec/template/spec/topologySpreadConstraints", values(".Values.topologySpreadConstraints")))},
	{condition: ".Values.networkPolicy.apiServer", edit: on("NetworkPolicy/scim-operator", set("spec/egress/0/to", values(".Values.networkPolicy.apiServer")))},
	{condition: ".Values.ingress.className", edit: on("Ingress/scim-operator", set("spec/ingressClassName", quoted(".Values.ingress.className")))},
	{condition: `ne .Values.service.type "ClusterIP"`, edit: on("Service/scim-operator", set("spec/type", expression(".Values.service.type")))},
	{condition: ".Values.service.annotations", edit: on("Service/scim-operator", set("metadata/annotations", values(".Values.service.annotations")))},
	{condition: "and .Values.console.enabled .Values.console.ingress.enabled .Values.console.ingress.className", components: []string{"console/ingress"}, edit: on("Ingress/scim-operator-console", set("spec/ingressClassName", quoted(".Values.console.ingress.className")))},
}

// switches leave out what there is in every variant, by kind or by kind and name.
var switches = map[string]string{
	"CustomResourceDefinition": ".Values.crds.enabled",
	"Ingress/scim-operator":    ".Values.ingress.enabled",
}

// scalars are those in the place of which expressions stand, everywhere but in definitions.
var scalars = map[string]string{
	namespace:                   ".Release.Namespace",
	"scim.example.com":          ".Values.host",
	"scim-operator-tls":         ".Values.tls.secretName",
	"console.example.com":       ".Values.console.host",
	"scim-operator-console-tls": ".Values.console.ingress.secretName",
	"monitoring":                ".Values.prometheus.namespace",
}

// given are parts of objects in the place of which the user's values stand.
var given = map[string]map[string]string{
	"Deployment/scim-operator": {
		"spec/replicas": ".Values.replicas",
		"spec/template/spec/containers/0/imagePullPolicy": ".Values.image.pullPolicy",
		"spec/template/spec/containers/0/resources":       ".Values.resources",
	},
	"Certificate/scim-operator": {"spec/issuerRef": ".Values.tls.certManager.issuerRef"},
	"HTTPRoute/scim-operator":   {"spec/parentRefs": ".Values.httpRoute.parentRefs"},
}

// spreads are maps with entries of the user's beside those that a component adds.
var spreads = map[string]map[string]string{
	"Ingress/scim-operator":         {"metadata/annotations": ".Values.ingress.annotations"},
	"Ingress/scim-operator-console": {"metadata/annotations": ".Values.console.ingress.annotations"},
	"PrometheusRule/scim-operator":  {"metadata/labels": ".Values.prometheus.labels"},
	"ServiceMonitor/scim-operator":  {"metadata/labels": ".Values.prometheus.labels"},
}

// edit puts the user's values into an object. That what the manifests say is the default of each, it checks.
func edit(o object, defaults map[string]any) error {
	if o.kind() == "CustomResourceDefinition" {
		return nil
	}
	if err := editImage(o, defaults); err != nil {
		return err
	}
	for pointer, path := range given[o.String()] {
		said, is := get(map[string]any(o), pointer), lookup(defaults, path)
		if !reflect.DeepEqual(said, is) {
			return fmt.Errorf("the manifests have %v in %s, and values.yaml %v in %s: make them the same", said, pointer, is, path)
		}
		switch said.(type) {
		case map[string]any, []any:
			set(pointer, values(path))(o)
		default:
			set(pointer, expression(path))(o)
		}
	}
	for pointer, path := range spreads[o.String()] {
		said, _ := get(map[string]any(o), pointer).(map[string]any)
		is, _ := lookup(defaults, path).(map[string]any)
		for key, value := range is {
			if said[key] != value {
				return fmt.Errorf("the manifests have %v in %s of %s, and values.yaml %v in %s: make them the same", said[key], key, pointer, value, path)
			}
			delete(said, key)
		}
		said[spread] = values(path)
	}
	_, err := replace(map[string]any(o), defaults)
	return err
}

// editImage has the image named by a template, of which the one in the manifests has to be what comes without values of the user's.
func editImage(o object, defaults map[string]any) error {
	const pointer = "spec/template/spec/containers/0/image"
	is := fmt.Sprintf("%v:%v", lookup(defaults, ".Values.image.repository"), lookup(defaults, ".Chart.appVersion"))
	switch said := get(map[string]any(o), pointer); said {
	case nil:
	case is:
		set(pointer, quoted(`include "scim-operator.image" .`))(o)
	default:
		return fmt.Errorf("the manifests have image %v, and values.yaml with appVersion in Chart.yaml %v: make them the same", said, is)
	}
	return nil
}

// replace puts expressions in the place of scalars, in value and below.
func replace(value any, defaults map[string]any) (any, error) {
	var failed error
	replaced := func(child any) any {
		child, err := replace(child, defaults)
		failed = errors.Join(failed, err)
		return child
	}
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			value[key] = replaced(child)
		}
	case []any:
		for i, child := range value {
			value[i] = replaced(child)
		}
	case string:
		path, ok := scalars[value]
		if !ok {
			break
		}
		if is := lookup(defaults, path); strings.HasPrefix(path, ".Values.") && is != value {
			return nil, fmt.Errorf("the manifests have %q, and values.yaml %v in %s: make them the same", value, is, path)
		}
		return quoted(path), nil
	}
	return value, failed
}

func quoted(pipeline string) expression { return expression(pipeline + " | quote") }

// lookup returns what a path like .Values.image leads to; nil: nothing.
func lookup(defaults map[string]any, path string) any {
	return get(defaults, strings.ReplaceAll(strings.TrimPrefix(path, "."), ".", "/"))
}

// get returns what a JSON pointer without its first slash leads to; nil: nothing.
func get(value any, pointer string) any {
	for key := range strings.SplitSeq(pointer, "/") {
		switch parent := value.(type) {
		case map[string]any:
			value = parent[strings.ReplaceAll(key, "~1", "/")]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(parent) {
				return nil
			}
			value = parent[i]
		default:
			return nil
		}
	}
	return value
}

// on makes an edit of the objects of a kind, or of the one with this kind and name.
func on(which string, change func(object)) func(object) {
	return func(o object) {
		if o.kind() == which || o.String() == which {
			change(o)
		}
	}
}

// set puts a value below a key, of a map that is there.
func set(pointer string, value any) func(object) {
	parent, key := path.Split(pointer)
	return func(o object) {
		where := any(map[string]any(o))
		if parent != "" {
			where = get(where, strings.TrimSuffix(parent, "/"))
		}
		where.(map[string]any)[strings.ReplaceAll(key, "~1", "/")] = value //nolint:forcetypeassert // The pointers are those of this file.
	}
}

// add appends an item to a list, which need not be there.
func add(pointer string, item any) func(object) {
	return func(o object) {
		list, _ := get(map[string]any(o), pointer).([]any)
		set(pointer, append(list, item))(o)
	}
}

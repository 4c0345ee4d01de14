package draft

import (
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/action"
)

// Owner is who keeps a rule somewhere else, and would put it back if it were changed here.
type Owner struct {
	// Tool is what does so, such as "Flux", and Name what it keeps the rule by, or "".
	Tool, Name string
	// Manager is the field manager that has written the rule, "" where only a mark says whose it is.
	Manager string
}

// marks are labels and annotations by which tools know what is theirs, in the order in which they are looked for.
var marks = []struct {
	tool, kind, name, namespace string
	annotation                  bool
}{
	{"Flux", "Kustomization", "kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace", false},
	{"Flux", "HelmRelease", "helm.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/namespace", false},
	{"Argo CD", "Application", "argocd.argoproj.io/tracking-id", "", true},
	{"Argo CD", "Application", "argocd.argoproj.io/instance", "", false},
	{"Helm", "release", "meta.helm.sh/release-name", "meta.helm.sh/release-namespace", true},
}

// tools are whose field managers these are.
var tools = map[string]string{
	"kustomize-controller": "Flux", "helm-controller": "Flux", "argocd-controller": "Argo CD", "argocd-application-controller": "Argo CD", "helm": "Helm",
}

// OwnerOf returns who keeps a rule somewhere else, nil where the console may write it: what people write with kubectl is theirs to
// change here.
func OwnerOf(rule *v1alpha1.AutomationRule) *Owner {
	owner := &Owner{Manager: managerOf(rule)}
	for _, mark := range marks {
		set := rule.Labels
		if mark.annotation {
			set = rule.Annotations
		}
		name := set[mark.name]
		if name == "" {
			continue
		}
		name, _, _ = strings.Cut(name, ":") // of a tracking id the first part is the Application
		if namespace := set[mark.namespace]; namespace != "" {
			name = namespace + "/" + name
		}
		owner.Tool, owner.Name = mark.tool, mark.kind+" "+name
		return owner
	}
	if owner.Manager == "" {
		return nil
	}
	if owner.Tool = tools[owner.Manager]; owner.Tool == "" {
		owner.Tool = owner.Manager
	}
	return owner
}

// managerOf is the field manager of the spec that is neither a person's kubectl nor the console.
func managerOf(rule *v1alpha1.AutomationRule) string {
	for _, entry := range rule.ManagedFields {
		if writesSpec(entry) && entry.Manager != action.RuleManager && !isKubectl(entry.Manager) {
			return entry.Manager
		}
	}
	return ""
}

// Kubectls are the field managers of kubectl that have written the rule's spec, from whom the console takes it over.
func Kubectls(rule *v1alpha1.AutomationRule) []string {
	var managers []string
	for _, entry := range rule.ManagedFields {
		if writesSpec(entry) && isKubectl(entry.Manager) && !slices.Contains(managers, entry.Manager) {
			managers = append(managers, entry.Manager)
		}
	}
	return managers
}

func isKubectl(manager string) bool {
	return manager == "kubectl" || strings.HasPrefix(manager, "kubectl-")
}

func writesSpec(entry metav1.ManagedFieldsEntry) bool {
	var set struct {
		Spec json.RawMessage `json:"f:spec"`
	}
	return entry.Subresource == "" && entry.FieldsV1 != nil && json.Unmarshal(entry.FieldsV1.GetRawBytes(), &set) == nil && set.Spec != nil
}

// Package v1alpha1 holds the API of SCIM provisioning on Kubernetes, group
// provisioning.rservice.dev.
//
// ScimUser and ScimGroup store what a SCIM client sent (RFC 7643), AutomationRule
// says how that becomes Person and Organization records, and
// AutomationRuleExecution tells what each rule did for each subject. The field
// comments are what "kubectl explain" prints.
//
// +kubebuilder:object:generate=true
// +groupName=provisioning.rservice.dev
package v1alpha1

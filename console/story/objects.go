package story

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// subjectOf names an object of this project.
func subjectOf(object client.Object) Subject {
	return Subject{Kind: kindOf(object), Namespace: object.GetNamespace(), Name: object.GetName()}
}

func kindOf(object client.Object) string {
	switch object.(type) {
	case *v1alpha1.ScimUser:
		return KindUser
	case *v1alpha1.ScimGroup:
		return KindGroup
	case *v1alpha1.Person:
		return KindPerson
	case *v1alpha1.Organization:
		return KindOrganization
	case *v1alpha1.Site:
		return KindSite
	case *v1alpha1.AutomationRule:
		return KindRule
	case *v1alpha1.ScimEndpoint:
		return KindEndpoint
	case *v1alpha1.AutomationRuleExecution:
		return KindExecution
	}
	return ""
}

// newObject is an empty object of a kind, nil for one that there are no stories of.
func newObject(kind string) client.Object {
	for _, object := range kinds() {
		if kindOf(object) == kind {
			return object
		}
	}
	return nil
}

// TitleOf is what people call an object.
func TitleOf(object client.Object) string {
	switch object := object.(type) {
	case *v1alpha1.ScimUser:
		return object.Spec.UserName
	case *v1alpha1.ScimGroup:
		return object.Spec.DisplayName
	case *v1alpha1.Person:
		if object.Spec.Name == "" {
			return object.Spec.PrimaryEmail
		}
		return object.Spec.Name
	case *v1alpha1.Organization:
		return object.Spec.Name
	case *v1alpha1.Site:
		return object.Spec.Name
	}
	return object.GetName()
}

// SourceOf is the SCIM id of the subject that a record is linked to, "" for none.
func SourceOf(object client.Object) string {
	switch object := object.(type) {
	case *v1alpha1.Person:
		return object.Spec.SourceID
	case *v1alpha1.Organization:
		return object.Spec.SourceID
	case *v1alpha1.Site:
		return object.Spec.SourceID
	}
	return ""
}

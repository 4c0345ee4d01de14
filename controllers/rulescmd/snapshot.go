package rulescmd

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// pageSize is how many objects are read at a time.
const pageSize = 500

// snapshot is a namespace as it was read.
type snapshot struct {
	rules []*v1alpha1.AutomationRule
	// objects are what rules read and look up.
	objects []client.Object
}

// readNamespace reads, page by page, everything that rules can look at: groups before their pages, which are there before a
// group lists them.
func readNamespace(ctx context.Context, reader client.Reader, namespace string) (*snapshot, error) {
	found := &snapshot{}
	for _, list := range []client.ObjectList{
		&v1alpha1.AutomationRuleList{}, &v1alpha1.ScimUserList{}, &v1alpha1.ScimGroupList{}, &v1alpha1.ScimGroupPageList{}, &v1alpha1.PersonList{},
		&v1alpha1.OrganizationList{}, &v1alpha1.SiteList{}, &v1alpha1.ScimEndpointList{},
	} {
		if err := found.read(ctx, reader, namespace, list); err != nil {
			return nil, fmt.Errorf("read namespace %s: %w", namespace, err)
		}
	}
	return found, nil
}

func (s *snapshot) read(ctx context.Context, reader client.Reader, namespace string, list client.ObjectList) error {
	for {
		options := []client.ListOption{client.InNamespace(namespace), client.Limit(pageSize), client.Continue(list.GetContinue())}
		if err := reader.List(ctx, list, options...); err != nil {
			return err
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			switch object := item.DeepCopyObject().(type) {
			case *v1alpha1.AutomationRule:
				s.rules = append(s.rules, object)
			case client.Object:
				s.objects = append(s.objects, object)
			}
			return nil
		})
		if err != nil || list.GetContinue() == "" {
			return err
		}
	}
}

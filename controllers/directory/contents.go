package directory

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

// Contents is a namespace as it was read.
type Contents struct {
	Rules []*v1alpha1.AutomationRule
	// Objects are what rules read and look up.
	Objects []client.Object
}

// Read reads, page by page, everything of a namespace that rules can look at: groups before their pages, which are there before a
// group lists them.
func Read(ctx context.Context, reader client.Reader, namespace string) (*Contents, error) {
	found := &Contents{}
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

func (c *Contents) read(ctx context.Context, reader client.Reader, namespace string, list client.ObjectList) error {
	for {
		options := []client.ListOption{client.InNamespace(namespace), client.Limit(pageSize), client.Continue(list.GetContinue())}
		if err := reader.List(ctx, list, options...); err != nil {
			return err
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			switch object := item.DeepCopyObject().(type) {
			case *v1alpha1.AutomationRule:
				c.Rules = append(c.Rules, object)
			case client.Object:
				c.Objects = append(c.Objects, object)
			}
			return nil
		})
		if err != nil || list.GetContinue() == "" {
			return err
		}
	}
}

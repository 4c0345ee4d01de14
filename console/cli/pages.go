package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// each visits the namespace's objects of a kind, page by page, so that no more than a page is in memory. It ends when
// visit says that it needs no more. Where the listing takes longer than the API server remembers its beginning, the rest
// is as it is by then.
func (c *cluster) each(ctx context.Context, list client.ObjectList, visit func(client.Object) (bool, error), selected ...client.ListOption) error {
	options := slices.Concat([]client.ListOption{client.InNamespace(c.namespace), client.Limit(pageSize)}, selected)
	for next := ""; ; {
		err := c.List(ctx, list, append(slices.Clip(options), client.Continue(next))...)
		if rest := continueExpired(err); next != "" && rest != "" {
			next = rest
			continue
		}
		if err != nil {
			return err
		}
		more := true
		err = meta.EachListItem(list, func(item runtime.Object) error {
			object, ok := item.(client.Object)
			if !ok {
				return fmt.Errorf("a %T has no metadata", item)
			}
			if !more {
				return nil
			}
			var err error
			more, err = visit(object)
			return err
		})
		if next = list.GetContinue(); err != nil || !more || next == "" {
			return err
		}
	}
}

// continueExpired is how to go on after the API server has forgotten the beginning of a listing, "" for other errors.
func continueExpired(err error) string {
	var status apierrors.APIStatus
	if !apierrors.IsResourceExpired(err) || !errors.As(err, &status) {
		return ""
	}
	return status.Status().Continue
}

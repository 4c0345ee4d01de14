package trust

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// index finds ScimEndpoints by what their elements of jwt say.
const index = "trust.issuer"

// Register makes ScimEndpoints be found by the issuers that they trust. Call it once, before the cache is started.
func Register(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &v1alpha1.ScimEndpoint{}, index, func(obj client.Object) []string {
		endpoint, ok := obj.(*v1alpha1.ScimEndpoint)
		if !ok || len(endpoint.Spec.Authentication.JWT) == 0 {
			return nil
		}
		var keys []string
		add := func(key string) {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		for _, element := range endpoint.Spec.Authentication.JWT {
			add(likeKey(element.Issuer.URL))
			for _, audience := range element.Issuer.Audiences {
				add(audienceKey(element.Issuer.URL, audience))
			}
		}
		return keys
	})
	if err != nil {
		return fmt.Errorf("index ScimEndpoints by issuer: %w", err)
	}
	return nil
}

// audienceKey is that of an issuer, letter by letter, for an audience. Neither has a line end.
func audienceKey(issuer, audience string) string { return "=" + issuer + "\n" + audience }

// likeKey is that of all spellings of an issuer.
func likeKey(issuer string) string { return "~" + Like(issuer) }

// Taking returns the endpoints of all namespaces that trust an issuer for one of the audiences, in no order. They are the
// reader's own: read only.
func Taking(ctx context.Context, reader client.Reader, issuer string, audiences []string) ([]*v1alpha1.ScimEndpoint, error) {
	var found []*v1alpha1.ScimEndpoint
	known := map[types.NamespacedName]bool{}
	for _, audience := range audiences {
		endpoints, err := list(ctx, reader, audienceKey(issuer, audience), math.MaxInt)
		if err != nil {
			return nil, err
		}
		for _, endpoint := range endpoints {
			if key := client.ObjectKeyFromObject(endpoint); !known[key] {
				known[key] = true
				found = append(found, endpoint)
			}
		}
	}
	return found, nil
}

// Spelling returns the endpoints of all namespaces that trust an issuer in whatever spelling, at most limit. They are
// the reader's own: read only.
func Spelling(ctx context.Context, reader client.Reader, issuer string, limit int) ([]*v1alpha1.ScimEndpoint, error) {
	return list(ctx, reader, likeKey(issuer), limit)
}

func list(ctx context.Context, reader client.Reader, key string, limit int) ([]*v1alpha1.ScimEndpoint, error) {
	var endpoints v1alpha1.ScimEndpointList
	// A limit would be an error where the operator works in several namespaces, each with a cache of its own.
	if err := reader.List(ctx, &endpoints, client.MatchingFields{index: key}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("look up ScimEndpoints by issuer: %w", err)
	}
	var found []*v1alpha1.ScimEndpoint
	for i := range endpoints.Items {
		if endpoints.Items[i].DeletionTimestamp.IsZero() && len(found) < limit {
			found = append(found, &endpoints.Items[i])
		}
	}
	return found, nil
}

// Like is the same text for all spellings of one issuer: with and without a slash at the end, in other letters, and for
// a tenant of Microsoft Entra ID as version 1 and version 2 of its tokens have it.
func Like(issuer string) string {
	text := strings.TrimRight(strings.ToLower(strings.TrimSpace(issuer)), "/")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "http://"), "https://")
	if tenant, ok := strings.CutPrefix(text, "sts.windows.net/"); ok {
		return "entra/" + tenant
	}
	if tenant, ok := strings.CutPrefix(text, "login.microsoftonline.com/"); ok {
		return "entra/" + strings.TrimSuffix(tenant, "/v2.0")
	}
	return text
}

// oneLine makes one line of a text of several.
func oneLine(text string) string {
	return strings.TrimRight(strings.Join(strings.Fields(text), " "), ". ")
}

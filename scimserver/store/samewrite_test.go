package store

import (
	"testing"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// TestOnlyTheVeryWriteIsTheSame: two requests may have been sent in the same microsecond, without an id.
func TestOnlyTheVeryWriteIsTheSame(t *testing.T) {
	sent := func(change func(*v1alpha1.ScimGroup)) *v1alpha1.ScimGroup {
		g := &v1alpha1.ScimGroup{}
		g.Generation, g.UID = 1, "0193f5c0"
		g.Annotations = map[string]string{annotationChanging: "a"}
		g.Spec.DisplayName = "Guides"
		g.Spec.Extensions = map[string]v1alpha1.JSON{"urn:example:badge": {Raw: []byte(`{"size":1.50}`)}}
		change(g)
		return g
	}
	for name, tt := range map[string]struct {
		change func(*v1alpha1.ScimGroup)
		want   bool
	}{
		"itself": {func(*v1alpha1.ScimGroup) {}, true},
		"a number written anew": {func(g *v1alpha1.ScimGroup) {
			g.Spec.Extensions["urn:example:badge"] = v1alpha1.JSON{Raw: []byte(`{"size":1.5}`)}
		}, true},
		"other content":             {func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = "Rangers" }, false},
		"another request's members": {func(g *v1alpha1.ScimGroup) { g.Annotations[annotationChanging] = "b" }, false},
		"another request":           {func(g *v1alpha1.ScimGroup) { g.Spec.RequestID = "b" }, false},
		"a request before":          {func(g *v1alpha1.ScimGroup) { v1alpha1.SetLastRequest(g, v1alpha1.LastRequest{RequestID: "0"}) }, false},
		"written again":             {func(g *v1alpha1.ScimGroup) { g.Generation++ }, false},
		"another object":            {func(g *v1alpha1.ScimGroup) { g.UID = "0193f5c1" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			stored := sent(tt.change)
			stored.Generation++
			if got := sameWrite(stored, sent(func(*v1alpha1.ScimGroup) {})); got != tt.want {
				t.Errorf("same: %v", got)
			}
		})
	}
}

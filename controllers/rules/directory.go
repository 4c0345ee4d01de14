package rules

import (
	"context"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Directory is what the engine looks up while it plans. All look-ups are within
// the subject's namespace. A look-up that finds nothing returns nil and no error;
// an error ends the plan with that error, so that the caller tries again. The
// engine never changes what it is given, so a cache may return its own objects.
//
// Where several records fit, an implementation returns the one that is enabled
// rather than one that is disabled, and of those the first by metadata.name, so
// that the same plan comes out every time.
type Directory interface {
	// OrganizationByName returns the Organization, enabled or not, whose
	// MatchKey is name.
	OrganizationByName(ctx context.Context, name string) (*v1alpha1.Organization, error)
	// OrganizationBySource returns the Organization whose spec.sourceID is this
	// SCIM id of a group.
	OrganizationBySource(ctx context.Context, id string) (*v1alpha1.Organization, error)
	// SiteByName returns the Site, enabled or not, whose MatchKey is name.
	SiteByName(ctx context.Context, name string) (*v1alpha1.Site, error)
	// SiteBySource returns the Site whose spec.sourceID is this SCIM id of a group.
	SiteBySource(ctx context.Context, id string) (*v1alpha1.Site, error)
	// PersonByEmail returns the Person whose MatchKey is email.
	PersonByEmail(ctx context.Context, email string) (*v1alpha1.Person, error)
	// PersonBySource returns the Person whose spec.sourceID is this SCIM id of a
	// user.
	PersonBySource(ctx context.Context, id string) (*v1alpha1.Person, error)
	// PersonByFormerSource returns the Person that was linked to this SCIM id of a user and
	// is linked to another one by now: the one that has it among its FormerSources.
	PersonByFormerSource(ctx context.Context, id string) (*v1alpha1.Person, error)
	// PersonByName returns the Person whose metadata.name is name.
	PersonByName(ctx context.Context, name string) (*v1alpha1.Person, error)
	// PersonOfUser returns the Person of the ScimUser that value names, which is
	// looked for by SCIM id, then by externalId, then by userName (fold.String). It is
	// how a manager.value is resolved; value is as the client sent it, not blank.
	PersonOfUser(ctx context.Context, value string) (*v1alpha1.Person, error)
	// SubjectState says whether the ScimUser or ScimGroup with this SCIM id exists
	// and is active. A group that exists counts as active; a subject that is being
	// deleted counts as gone.
	SubjectState(ctx context.Context, kind v1alpha1.SubjectKind, id string) (SubjectState, error)
}

// SubjectState is what has become of a subject.
type SubjectState int

const (
	// SubjectGone means that there is no such subject.
	SubjectGone SubjectState = iota
	// SubjectInactive means that the client has deactivated the subject.
	SubjectInactive
	// SubjectActive means that the subject is in use.
	SubjectActive
)

package preview

import (
	"context"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// planned is a directory in which the subjects planned so far have the primary e-mail
// addresses and names that their plans give them. Without it two subjects that a rule
// gives one address would both seem to get it.
type planned struct {
	rules.Directory
	// taken are the records that got a new match value, by kind and rules.MatchKey.
	taken map[recordKey]rules.Record
	// moved are the match keys of records that got another one, by kind and name.
	moved map[recordKey]string
}

// recordKey is a kind of record and what tells its records apart: match key or name.
type recordKey struct {
	kind v1alpha1.RecordKind
	text string
}

func newPlanned(dir rules.Directory) *planned {
	return &planned{Directory: dir, taken: map[recordKey]rules.Record{}, moved: map[recordKey]string{}}
}

// add makes the effect on a subject known to the subjects planned later.
func (p *planned) add(id string, effect Effect) {
	for _, r := range effect.Records {
		value := rules.MatchKey(r.Final)
		if r.Current != nil && rules.MatchKey(r.Current) == value {
			continue
		}
		record := r.Final.DeepCopyObject().(rules.Record)
		if r.Current != nil {
			p.moved[recordKey{r.Kind, record.GetName()}] = value
		} else {
			record.SetName("planned-for-" + id)
		}
		p.taken[recordKey{r.Kind, value}] = record
	}
}

// lookUp finds a record by its match value: one that has it and keeps it, else one that
// is to get it.
func lookUp[T interface {
	comparable
	rules.Record
}](p *planned, kind v1alpha1.RecordKind, value string, found T) T {
	var none T
	if found != none {
		if other, moved := p.moved[recordKey{kind, found.GetName()}]; !moved || other == value {
			return found
		}
	}
	record, _ := p.taken[recordKey{kind, value}].(T)
	return record
}

// PersonByEmail implements rules.Directory.
func (p *planned) PersonByEmail(ctx context.Context, email string) (*v1alpha1.Person, error) {
	found, err := p.Directory.PersonByEmail(ctx, email)
	if err != nil {
		return nil, err
	}
	return lookUp(p, v1alpha1.RecordPerson, email, found), nil
}

// OrganizationByName implements rules.Directory.
func (p *planned) OrganizationByName(ctx context.Context, name string) (*v1alpha1.Organization, error) {
	found, err := p.Directory.OrganizationByName(ctx, name)
	if err != nil {
		return nil, err
	}
	return lookUp(p, v1alpha1.RecordOrganization, name, found), nil
}

// SiteByName implements rules.Directory.
func (p *planned) SiteByName(ctx context.Context, name string) (*v1alpha1.Site, error) {
	found, err := p.Directory.SiteByName(ctx, name)
	if err != nil {
		return nil, err
	}
	return lookUp(p, v1alpha1.RecordSite, name, found), nil
}

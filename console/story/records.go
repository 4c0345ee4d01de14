package story

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/applied"
	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// ancient is the manager of fields whose writers the API server has forgotten.
const ancient = "ancient-changes"

// references are the fields of records that name another one, and its kind.
var references = map[string]string{
	"organization": KindOrganization, "site": KindSite, "manager": KindPerson, "parent": KindOrganization,
}

func isRecord(object client.Object) bool {
	_, ok := object.(rules.Record)
	return ok && slices.Contains([]string{KindPerson, KindOrganization, KindSite}, kindOf(object))
}

func isDisabled(record client.Object) bool {
	switch record := record.(type) {
	case *v1alpha1.Person:
		return record.Spec.Disabled
	case *v1alpha1.Organization:
		return record.Spec.Disabled
	case *v1alpha1.Site:
		return record.Spec.Disabled
	}
	return false
}

func sameName(a, b string) bool { return fold.Equal(a, b) }

// tellRecords tells of the records of the subject, and who set each field.
func (t *teller) tellRecords(ctx context.Context) error {
	if len(t.records) == 0 {
		if err := t.readRecords(ctx); err != nil {
			return err
		}
	}
	for _, record := range t.records {
		object, ok := record.(client.Object)
		if !ok {
			continue
		}
		told := Record{Subject: subjectOf(object), Title: TitleOf(object), Disabled: isDisabled(object)}
		if person, ok := record.(*v1alpha1.Person); ok {
			told.Protected = person.IsProtected()
		}
		if id := SourceOf(object); id != "" {
			kind := KindGroup
			if told.Subject.Kind == KindPerson {
				kind = KindUser
			}
			told.LinkedTo = &Subject{kind, t.namespace, id}
		}
		var err error
		if told.Fields, err = t.fieldsOf(ctx, record); err != nil {
			return err
		}
		t.story.Records = append(t.story.Records, told)
	}
	if err := t.relateFormer(ctx); err != nil {
		return err
	}
	return t.tellGiven(ctx)
}

// readRecords reads what the subject is linked to, as it is stored.
func (t *teller) readRecords(ctx context.Context) error {
	switch {
	case t.user != nil:
		return t.readPerson(ctx)
	case t.group != nil:
		for _, of := range []struct {
			object    rules.Record
			reference *v1alpha1.RecordReference
		}{{&v1alpha1.Organization{}, t.group.Status.Organization}, {&v1alpha1.Site{}, t.group.Status.Site}} {
			object, ok := of.object.(client.Object)
			if of.reference == nil || !ok {
				continue
			}
			exists, err := t.getLive(ctx, t.namespace, of.reference.Name, object)
			if err := t.allowed(err); err != nil {
				return err
			}
			if exists {
				t.records = append(t.records, of.object)
			}
		}
	}
	return nil
}

// readPerson reads the user's Person: the one that its status names, if that is its own, else the one that is linked to it.
func (t *teller) readPerson(ctx context.Context) error {
	if of := t.user.Status.Person; of != nil {
		person := &v1alpha1.Person{}
		exists, err := t.getLive(ctx, t.namespace, of.Name, person)
		if err := t.allowed(err); err != nil {
			return err
		}
		if exists && person.Spec.SourceID == t.user.Name {
			t.records = []rules.Record{person}
			return nil
		}
	}
	linked := &v1alpha1.PersonList{}
	if err := t.allowed(t.selected(ctx, t.namespace, linked, "spec.sourceID", t.user.Name)); err != nil {
		return err
	}
	slices.SortFunc(linked.Items, func(a, b v1alpha1.Person) int { return compareNames(&a, &b) })
	for i := range linked.Items {
		t.records = append(t.records, &linked.Items[i])
	}
	return nil
}

// relateFormer names the Person that the user had before.
func (t *teller) relateFormer(ctx context.Context) error {
	if t.user == nil || t.user.Status.FormerPerson == nil {
		return nil
	}
	former := &v1alpha1.Person{}
	exists, err := t.get(ctx, t.namespace, t.user.Status.FormerPerson.Name, former)
	if err := t.allowed(err); err != nil || !exists {
		return err
	}
	t.relate(former, "the Person that this user had, which another user has now")
	return nil
}

// fieldsOf are the fields of a record that have a value, and who set each.
func (t *teller) fieldsOf(ctx context.Context, record rules.Record) ([]Field, error) {
	var fields []Field
	setters := applied.Setters(record)
	for _, of := range rules.Differences(nil, record) {
		field := Field{Name: of.Field, Value: of.To}
		for _, setter := range setters[of.Field] {
			field.SetBy = append(field.SetBy, t.setter(setter, record.GetName(), of.Field))
		}
		if kind := references[of.Field]; kind != "" {
			var err error
			if field.Title, err = t.title(ctx, kind, of.To); err != nil {
				return nil, err
			}
		}
		fields = append(fields, field)
	}
	return fields, nil
}

// setter says who a field manager is.
func (t *teller) setter(of applied.Setter, record, field string) Setter {
	setter := Setter{Manager: of.Manager, At: of.At}
	rule, isRule := strings.CutPrefix(of.Manager, applied.RuleManager)
	switch {
	case isRule:
		setter.Kind, setter.Rule, setter.Text = SetByRule, rule, "rule "+rule
		if setter.Generation = t.generationOf(rule, record, field, of.At); setter.Generation > 0 {
			setter.Text += fmt.Sprintf(", generation %d", setter.Generation)
		}
	case of.Manager == kube.FieldOwner:
		setter.Kind, setter.Text = SetByOperator, "the operator"
	case of.Applied:
		setter.Kind, setter.Text = SetByApply, "applied by "+of.Manager+", as from Git"
	case of.Manager == ancient:
		setter.Kind, setter.Text = SetLongAgo, "a writer of long ago"
	default:
		setter.Kind, setter.Text = SetByHand, "by hand, with "+of.Manager
	}
	return setter
}

// generationOf is the generation of a rule whose last run set a field of a record, 0 where the last run that is known did not: an
// execution is written after the record, so one from before the rule's last write knows nothing of that yet.
func (t *teller) generationOf(rule, record, field string, written time.Time) int64 {
	for _, run := range t.executions {
		status := &run.Status
		if run.Spec.Rule != rule || status.Record == nil || status.Record.Name != record || written.After(status.Time.Time) {
			continue
		}
		if slices.ContainsFunc(status.Changes, func(c v1alpha1.FieldChange) bool { return c.Field == field }) {
			return status.RuleGeneration
		}
	}
	return 0
}

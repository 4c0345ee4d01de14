package story

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// ErrNotFound says that there is no such subject.
var ErrNotFound = errors.New("there is no such subject")

// Tell tells the story of a user, group, Person, Organization or Site. That of a record is also that of the user or group that it is
// linked to. What the reader may not read is left out, and named in NotAllowed; but without the subject there is no story. The error
// is ErrNotFound, wrapped, where the subject does not exist, else that of the API server.
func Tell(ctx context.Context, source Source, subject Subject) (*Story, error) {
	t := &teller{Source: source, namespace: subject.Namespace, story: &Story{Subject: subject}, titles: map[Subject]string{}}
	object := newObject(subject.Kind)
	if object == nil {
		return nil, fmt.Errorf("%w: kind %q has no story", ErrNotFound, subject.Kind)
	}
	read := t.get
	if isRecord(object) {
		read = t.getLive
	}
	exists, err := read(ctx, subject.Namespace, subject.Name, object)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, fmt.Errorf("%w: %s %s in namespace %s", ErrNotFound, subject.Kind, subject.Name, subject.Namespace)
	}
	t.story.Title = TitleOf(object)
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return t.readSubject(ctx, object) },
		t.readContext, t.tellSent, t.tellMemberships, t.tellRules, t.tellRecords, t.tellProblems,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	t.story.Summary = t.summary()
	return t.story, nil
}

// teller tells one story.
type teller struct {
	Source
	namespace string
	story     *Story
	// user or group is what a client has sent; neither is set for a record that is linked to nobody who exists.
	user  *v1alpha1.ScimUser
	group *v1alpha1.ScimGroup
	// records are what rules made of it, or the subject itself, as they are stored.
	records    []rules.Record
	rules      []v1alpha1.AutomationRule
	executions []*v1alpha1.AutomationRuleExecution
	endpoints  []v1alpha1.ScimEndpoint
	// groups are those that the user or group is in.
	groups []*v1alpha1.ScimGroup
	// titles are those of records that were looked up.
	titles map[Subject]string
}

// allowed is the error unless it says that the reader may not read a kind, which is noted.
func (t *teller) allowed(err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	kind := "something"
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		kind = status.Status().Details.Kind
	}
	if !slices.Contains(t.story.NotAllowed, kind) {
		t.story.NotAllowed = append(t.story.NotAllowed, kind)
	}
	return nil
}

// source is what the client sent, nil where there is nothing.
func (t *teller) source() client.Object {
	switch {
	case t.user != nil:
		return t.user
	case t.group != nil:
		return t.group
	}
	return nil
}

// readSubject takes in the subject, and what it is linked to.
func (t *teller) readSubject(ctx context.Context, object client.Object) error {
	switch object := object.(type) {
	case *v1alpha1.ScimUser:
		t.user = object
	case *v1alpha1.ScimGroup:
		t.group = object
	case *v1alpha1.Person:
		t.records = []rules.Record{object}
		user := &v1alpha1.ScimUser{}
		if linked, err := t.linked(ctx, object, user, "the user of this Person"); err != nil || !linked {
			return err
		}
		t.user = user
	case *v1alpha1.Organization:
		return t.readGroupOf(ctx, object)
	case *v1alpha1.Site:
		return t.readGroupOf(ctx, object)
	}
	return nil
}

func (t *teller) readGroupOf(ctx context.Context, record rules.Record) error {
	t.records = []rules.Record{record}
	group := &v1alpha1.ScimGroup{}
	object, ok := record.(client.Object)
	if !ok {
		return nil
	}
	linked, err := t.linked(ctx, object, group, "the group of this record")
	if err == nil && linked {
		t.group = group
	}
	return err
}

// linked reads the subject that a record is linked to, and reports whether there is one.
func (t *teller) linked(ctx context.Context, record, into client.Object, as string) (bool, error) {
	id := SourceOf(record)
	if id == "" {
		return false, nil
	}
	exists, err := t.get(ctx, t.namespace, id, into)
	if err := t.allowed(err); err != nil || !exists {
		return false, err
	}
	t.relate(into, as)
	return true, nil
}

func (t *teller) relate(object client.Object, as string) {
	t.story.Related = append(t.story.Related, Related{Subject: subjectOf(object), Title: TitleOf(object), As: as})
}

// readContext reads the rules and endpoints of the namespace, of which there are few.
func (t *teller) readContext(ctx context.Context) error {
	all, endpoints := &v1alpha1.AutomationRuleList{}, &v1alpha1.ScimEndpointList{}
	if err := t.allowed(t.list(ctx, t.namespace, all)); err != nil {
		return err
	}
	if err := t.allowed(t.list(ctx, t.namespace, endpoints)); err != nil {
		return err
	}
	t.endpoints = endpoints.Items
	slices.SortFunc(t.endpoints, func(a, b v1alpha1.ScimEndpoint) int { return compareNames(&a, &b) })
	for _, rule := range all.Items {
		if t.runs(&rule) {
			t.rules = append(t.rules, rule)
		}
	}
	slices.SortFunc(t.rules, compareRules)
	return nil
}

// runs reports whether a rule is for the kind of the subject.
func (t *teller) runs(rule *v1alpha1.AutomationRule) bool {
	return t.user != nil && rule.Spec.Subject == v1alpha1.SubjectScimUser || t.group != nil && rule.Spec.Subject == v1alpha1.SubjectScimGroup
}

// title is the name of a record of the namespace, "" where it is not known.
func (t *teller) title(ctx context.Context, kind, name string) (string, error) {
	subject := Subject{Kind: kind, Namespace: t.namespace, Name: name}
	if title, known := t.titles[subject]; known {
		return title, nil
	}
	object := newObject(kind)
	exists, err := t.get(ctx, t.namespace, name, object)
	if err := t.allowed(err); err != nil {
		return "", err
	}
	if exists {
		t.titles[subject] = TitleOf(object)
	}
	return t.titles[subject], nil
}

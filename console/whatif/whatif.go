package whatif

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// Answer is what a request would do. It holds personal data.
type Answer struct {
	// Status is the HTTP status that the server would answer with, 200 also where it is 204 because a group is very large.
	Status int `json:"status"`
	// Refused is why the request would be refused; unset where it would not.
	Refused *Refusal `json:"refused,omitempty"`
	// Subject is the ScimUser or ScimGroup; of one that would be created it has no name.
	Subject story.Subject `json:"subject"`
	Title   string        `json:"title,omitempty"`
	// Created, Deleted and Changed say what would become of it; none of them where nothing would be written.
	Created bool `json:"created,omitempty"`
	Deleted bool `json:"deleted,omitempty"`
	Changed bool `json:"changed,omitempty"`
	// Stored are the attributes that would be stored differently.
	Stored []v1alpha1.FieldChange `json:"stored,omitempty"`
	// Joined and Left are how many members a group would gain and lose.
	Joined int `json:"joined,omitempty"`
	Left   int `json:"left,omitempty"`
	// Effects are what the rules would then make of the subject, and of users that a change of a group touches: of the group first,
	// then of those users for whom something changes or fails, at most as many as were asked for.
	Effects []Effect `json:"effects,omitempty"`
	// Looked is for how many users the rules were planned, and NotShown for how many more of them something would change or fail.
	Looked   int `json:"looked"`
	NotShown int `json:"notShown,omitempty"`
}

// Refusal is a SCIM error.
type Refusal struct {
	Status   int    `json:"status"`
	ScimType string `json:"scimType,omitempty"`
	Detail   string `json:"detail"`
}

// Options are what Ask works with.
type Options struct {
	// Now is the time at which the request is thought to come.
	Now time.Time
	// Limit is the most users whose effects are shown; 0 stands for all.
	Limit int
}

// Ask says what a request would do to a namespace. It reads all that rules can look at, page by page, and writes nothing: the SCIM
// server's own Store carries the request out in memory, then the rules are planned on what is stored there. What it does not know:
// the bounds of the API server's definitions that are not SCIM's, other requests at the same moment, and what follows for others,
// such as those whose manager a new user is. The error is one of the request that is none of SCIM's, or of the API server.
func Ask(ctx context.Context, reader client.Reader, namespace string, request Request, o Options) (*Answer, error) {
	rt, id, err := request.target()
	if err != nil {
		return nil, err
	}
	contents, err := directory.Read(ctx, reader, namespace)
	if err != nil {
		return nil, err
	}
	objects := directory.NewIndexedObjects(store.Indexes(), contents.Objects...)
	a := &asked{
		Options: o, namespace: namespace, rt: rt, id: id, rules: contents.Rules, objects: objects,
		view: directory.Of(objects, namespace), answer: &Answer{Subject: story.Subject{Kind: kindOf(rt), Namespace: namespace, Name: id}},
	}
	if a.before, a.members, err = a.stored(ctx, id); err != nil {
		return nil, err
	}
	if err := a.carryOut(ctx, request); err != nil {
		return nil, err
	}
	if a.answer.Refused != nil {
		return a.answer, nil
	}
	return a.answer, a.follow(ctx)
}

// asked is a request at work.
type asked struct {
	Options
	namespace string
	rt        *scim.ResourceType
	// id is that of the subject, once it is known.
	id      string
	rules   []*v1alpha1.AutomationRule
	objects *directory.Objects
	view    directory.View
	// before is the subject as it is, nil where it is not there, and members are those of a group.
	before  client.Object
	members []v1alpha1.GroupMember
	answer  *Answer
}

func kindOf(rt *scim.ResourceType) string {
	if rt == scim.User {
		return story.KindUser
	}
	return story.KindGroup
}

func (a *asked) newSubject() client.Object {
	if a.rt == scim.User {
		return &v1alpha1.ScimUser{}
	}
	return &v1alpha1.ScimGroup{}
}

// stored is a subject as it is in memory, with its members; nil where it is not there, or is being deleted.
func (a *asked) stored(ctx context.Context, id string) (client.Object, []v1alpha1.GroupMember, error) {
	object := a.newSubject()
	exists, err := a.view.Get(ctx, id, object)
	if err != nil || !exists || !object.GetDeletionTimestamp().IsZero() {
		return nil, nil, err
	}
	copied, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return nil, nil, fmt.Errorf("the copy of a %T has no metadata", object)
	}
	group, ok := copied.(*v1alpha1.ScimGroup)
	if !ok {
		return copied, nil, nil
	}
	members, err := membership.Of(ctx, a.objects, group)
	return copied, members, err
}

// carryOut has the Store do to the namespace in memory what it would do to the cluster.
func (a *asked) carryOut(ctx context.Context, request Request) error {
	endpoint, err := a.endpoint(ctx, request.Endpoint)
	if err != nil {
		return err
	}
	status, id, err := a.send(ctx, store.Over(&memory{objects: a.objects}), request, endpoint)
	if refusal, ok := errors.AsType[*scim.Error](err); ok {
		a.answer.Status = refusal.Status
		a.answer.Refused = &Refusal{Status: refusal.Status, ScimType: refusal.ScimType, Detail: refusal.Detail}
		return nil
	}
	if err != nil {
		return fmt.Errorf("carry out the request in memory: %w", err)
	}
	a.answer.Status, a.id = status, id
	return nil
}

// send is what the SCIM server does with a request.
func (a *asked) send(ctx context.Context, to *store.Store, request Request, endpoint *v1alpha1.ScimEndpoint) (status int, id string, err error) {
	switch request.Method {
	case http.MethodPost:
		wanted, err := scim.DecodeResource(a.rt, request.Body)
		if err != nil {
			return 0, "", err
		}
		created, err := to.Create(ctx, a.namespace, a.rt, wanted)
		if err != nil {
			return 0, "", err
		}
		return http.StatusCreated, created.ID(), nil
	case http.MethodDelete:
		return http.StatusNoContent, a.id, to.Delete(ctx, a.namespace, a.rt, a.id, request.IfMatch)
	}
	change, err := a.change(request, endpoint)
	if err != nil {
		return 0, "", err
	}
	_, err = to.Update(ctx, a.namespace, a.rt, a.id, request.IfMatch, change)
	return http.StatusOK, a.id, err
}

func (a *asked) change(request Request, endpoint *v1alpha1.ScimEndpoint) (store.Change, error) {
	if request.Method == http.MethodPut {
		return scim.DecodeReplacement(a.rt, request.Body)
	}
	patch, err := scim.ParsePatch(a.rt, request.Body)
	if err != nil || endpoint == nil {
		return patch, err
	}
	patch.BaseURL = endpoint.Spec.PublicURL
	if profile, ok := scim.ParseProfile(string(endpoint.Spec.ClientProfile)); ok {
		patch.Profile = profile
	}
	return patch, nil
}

// endpoint is the one of that name, or the first one, nil where there is none.
func (a *asked) endpoint(ctx context.Context, name string) (*v1alpha1.ScimEndpoint, error) {
	if name == "" {
		return a.view.Speaker(ctx)
	}
	endpoint := &v1alpha1.ScimEndpoint{}
	exists, err := a.view.Get(ctx, name, endpoint)
	if err == nil && !exists {
		err = fmt.Errorf("there is no ScimEndpoint %s in namespace %s", name, a.namespace)
	}
	return endpoint, err
}

// follow tells what is stored, and what the rules make of it.
func (a *asked) follow(ctx context.Context) error {
	after, members, err := a.stored(ctx, a.id)
	if err != nil {
		return err
	}
	a.answer.Created, a.answer.Deleted = a.before == nil, after == nil
	told := after
	if after == nil {
		told = a.before
	}
	if told != nil {
		a.answer.Title = story.TitleOf(told)
	}
	if a.before != nil {
		a.answer.Subject.Name = a.id
	}
	if err := a.compare(after); err != nil {
		return err
	}
	changed := membership.Changed(a.members, members)
	for _, id := range changed {
		if slices.ContainsFunc(members, func(m v1alpha1.GroupMember) bool { return m.ID == id }) {
			a.answer.Joined++
		} else {
			a.answer.Left++
		}
	}
	a.answer.Changed = !a.answer.Created && !a.answer.Deleted && (len(a.answer.Stored) > 0 || len(changed) > 0)
	if a.rt == scim.User {
		return a.followUsers(ctx, []string{a.id})
	}
	return a.followGroup(ctx, after, members, changed)
}

// compare tells which attributes of the subject are stored differently, with nil for one that is gone.
func (a *asked) compare(after client.Object) error {
	was, err := attributesOf(a.before)
	if err != nil {
		return err
	}
	is, err := attributesOf(after)
	if err != nil {
		return err
	}
	find := func(in []story.Attribute, name string) string {
		for _, attribute := range in {
			if attribute.Name == name {
				return attribute.Value
			}
		}
		return ""
	}
	for _, attribute := range was {
		if to := find(is, attribute.Name); to != attribute.Value {
			a.answer.Stored = append(a.answer.Stored, v1alpha1.FieldChange{Field: attribute.Name, From: attribute.Value, To: to})
		}
	}
	for _, attribute := range is {
		if !slices.ContainsFunc(was, func(b story.Attribute) bool { return b.Name == attribute.Name }) {
			a.answer.Stored = append(a.answer.Stored, v1alpha1.FieldChange{Field: attribute.Name, To: attribute.Value})
		}
	}
	return nil
}

func attributesOf(subject client.Object) ([]story.Attribute, error) {
	switch subject := subject.(type) {
	case *v1alpha1.ScimUser:
		return story.Attributes(subject.Spec)
	case *v1alpha1.ScimGroup:
		return story.Attributes(subject.Spec)
	}
	return nil, nil
}

// sameSpec reports whether what rules see of a group's attributes is the same.
func sameSpec(a, b *v1alpha1.ScimGroup) bool {
	return a != nil && b != nil && a.Spec.DisplayName == b.Spec.DisplayName && a.Spec.ExternalID == b.Spec.ExternalID &&
		a.Spec.GroupType == b.Spec.GroupType && reflect.DeepEqual(a.Status, b.Status)
}

// Wrong reports whether the request would be refused, a rule would fail, or the safety brake would hold something.
func (a *Answer) Wrong() bool {
	return a.Refused != nil || slices.ContainsFunc(a.Effects, func(e Effect) bool {
		return e.Held != nil && len(e.Held.Effects) > 0 || slices.ContainsFunc(e.Rules, func(o Outcome) bool { return o.Failed })
	})
}

package pages

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/action"
	"rservice.dev/scim-operator/console/story"
)

// confirmation is the page before an action that cannot be taken back.
type confirmation struct {
	Action, Back, Button string
	Says                 []string
	Items                []Link
	Fields               map[string]string
	// Type is what has to be typed; "" where a click is enough.
	Type   string
	Danger bool
}

// done writes the line of an action for the audit, and leads to the page that shows what came of it.
func (s *server) done(w http.ResponseWriter, r *http.Request, v *visit, object client.Object, what, to, key string) error {
	kind := "?"
	if gvk, err := v.Caller.Client().GroupVersionKindFor(object); err == nil {
		kind = gvk.Kind
	}
	s.Logger.Info("Console action", "action", what, "user", v.Caller.User().Username, "namespace", v.Namespace, "kind", kind, "name", object.GetName())
	// Done is done, whether or not the Event can be written: people need no right to write Events.
	writer := s.EventWriter
	if writer == nil {
		writer = v.Caller.Client()
	}
	if err := action.Announce(context.WithoutCancel(r.Context()), writer, object, v.Caller.User().Username, what); err != nil {
		s.Logger.Info("No Event tells of an action of the console", "action", what, "kind", kind, "name", object.GetName(), "error", err.Error())
	}
	http.Redirect(w, r, to+"?done="+key, http.StatusSeeOther)
	return nil
}

// doneText is what an action has done, from the address: one of these sentences and no text of whoever made the address.
func doneText(r *http.Request) string {
	return map[string]string{
		"rerun":   "The rules run again. This page shows what comes of it when they have.",
		"release": "What was held is let go. The operator carries it out within some seconds.",
		"apply":   "The rule is applied. It runs on all its subjects now.",
		"delete":  "The record is being deleted. What the client sends next of it is a new one.",
	}[r.URL.Query().Get("done")]
}

func (s *server) rerun(section string) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		object := newSubject(section)
		object.SetNamespace(v.Namespace)
		object.SetName(r.PathValue("name"))
		if _, err := action.Rerun(r.Context(), v.Caller.Client(), object); err != nil {
			return err
		}
		return s.done(w, r, v, object, "asked for the rules to run again", address(v.Namespace, section, object.GetName()), "rerun")
	}
}

// must is Forbidden unless the visitor may do this to the object of the address: what cannot be done is not offered.
func (v *visit) must(r *http.Request, verb, resource string) error {
	name := r.PathValue("name")
	allowed, err := v.may(r, verb, resource, name)
	if err != nil || allowed {
		return err
	}
	return apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource(resource).GroupResource(), name, fmt.Errorf("%s may not %s it", v.Caller.User().Username, verb))
}

// read reads what an action is about, as it is now.
func (v *visit) read(r *http.Request, object client.Object) error {
	return v.Caller.Client().Get(r.Context(), client.ObjectKey{Namespace: v.Namespace, Name: r.PathValue("name")}, object)
}

func (s *server) confirmDelete(section string) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		if err := v.must(r, "delete", resourceOf[section]); err != nil {
			return err
		}
		object := newSubject(section)
		if err := v.read(r, object); err != nil {
			return err
		}
		base := address(v.Namespace, section, object.GetName())
		says := []string{
			"The record of what the client has sent is deleted. The client does not know: what it sends of this group next, it sends as a change, gets 404, and makes a new group. Many clients need a push or a provisioning on demand for that.",
			"The Organization or Site that it is linked to stays as it is; the new group is linked to it by its name.",
		}
		if section == "users" {
			says = []string{
				"The record of what the client has sent is deleted, and the Person is disabled until the client sends the user again; it keeps all its data. The client does not know: what it sends of this user next, it sends as a change, gets 404, and makes a new user. Many clients need a push or a provisioning on demand for that.",
				"The new user gets the Person with its e-mail address, which is enabled again.",
			}
		}
		p := s.newPage(r, v, "Delete the record of "+story.TitleOf(object)+"?")
		p.Section = section
		p.Content = &confirmation{
			Action: base + "/delete-record", Back: base, Button: "Delete the record", Danger: true, Type: story.TitleOf(object), Says: says,
			Fields: map[string]string{"uid": string(object.GetUID()), "version": object.GetResourceVersion()},
		}
		return s.render(w, http.StatusOK, "confirm", p)
	}
}

func (s *server) deleteRecord(section string) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		object := newSubject(section)
		if err := v.read(r, object); err != nil {
			return err
		}
		base := address(v.Namespace, section, object.GetName())
		if typed := r.PostForm.Get("typed"); typed != story.TitleOf(object) {
			return &Notice{
				Status: http.StatusUnprocessableEntity, Title: "Nothing was done: the name is not the one to type",
				Text: "To delete the record, type the name as it is shown, with capitals.", Links: []Link{{Text: "Try again", Address: base + "/delete-record"}},
			}
		}
		if r.PostForm.Get("version") != object.GetResourceVersion() || r.PostForm.Get("uid") != string(object.GetUID()) {
			return changedNotice(base)
		}
		object.SetUID(types.UID(r.PostForm.Get("uid")))
		err := action.DeleteRecord(r.Context(), v.Caller.Client(), object)
		if apierrors.IsConflict(err) {
			return changedNotice(base)
		}
		if err != nil {
			return err
		}
		return s.done(w, r, v, object, "deleted the record to link it anew", "/"+v.Namespace+"/"+section, "delete")
	}
}

// changedNotice answers a form that was made for an older state of its object.
func changedNotice(now string) *Notice {
	return &Notice{
		Status: http.StatusConflict, Title: "Nothing was done: it has changed in the meantime",
		Text:  "Look at it as it is now, and repeat what you did if that is still what you want.",
		Links: []Link{{Text: "Show it as it is now", Address: now}},
	}
}

func (s *server) confirmRelease(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := v.must(r, "patch", resourceOf["endpoints"]); err != nil {
		return err
	}
	endpoint := &v1alpha1.ScimEndpoint{}
	if err := v.read(r, endpoint); err != nil {
		return err
	}
	held := endpoint.Status.Held
	if held == nil || held.Count == 0 || held.Generation <= held.ReleasedGeneration {
		return nothingHeld(v.Namespace)
	}
	generation := strconv.FormatInt(held.Generation, 10)
	c := &confirmation{
		Action: "/" + v.Namespace + "/endpoints/" + endpoint.Name + "/release", Back: "/" + v.Namespace + "/", Button: "Release",
		Says: []string{
			"The safety brake holds " + number(held.Count) + " " + plural(int(held.Count), "person", "persons") + ": too many were to be disabled, enabled or given another primary e-mail address within a short time. Releasing lets that happen to these, and to none that is held after this page was made.",
			"If it is a mistake, correct its cause instead: undo the change of the rule or at the client, and what is held goes by itself.",
		},
		Fields: map[string]string{"generation": generation},
	}
	for _, name := range held.First {
		c.Items = append(c.Items, Link{Text: name, Address: "/" + v.Namespace + "/find?q=" + name})
	}
	if more := held.Count - int64(len(held.First)); more > 0 {
		c.Items = append(c.Items, Link{Text: "and " + number(more) + " more", Address: "/" + v.Namespace + "/users?reason=Held"})
	}
	p := s.newPage(r, v, "Release what the safety brake holds?")
	p.Section, p.Content = "overview", c
	return s.render(w, http.StatusOK, "confirm", p)
}

func nothingHeld(namespace string) *Notice {
	return &Notice{
		Status: http.StatusConflict, Title: "Nothing is held any more", Text: "It was released, or its cause has gone.",
		Links: []Link{{Text: "Overview", Address: "/" + namespace + "/"}},
	}
}

func (s *server) release(w http.ResponseWriter, r *http.Request, v *visit) error {
	endpoint := &v1alpha1.ScimEndpoint{}
	if err := v.read(r, endpoint); err != nil {
		return err
	}
	generation, err := strconv.ParseInt(r.PostForm.Get("generation"), 10, 64)
	held := endpoint.Status.Held
	switch {
	case held == nil || held.Count == 0 || held.Generation <= held.ReleasedGeneration:
		return nothingHeld(v.Namespace)
	case err != nil || generation != held.Generation:
		return changedNotice("/" + v.Namespace + "/endpoints/" + endpoint.Name + "/release")
	}
	if err := action.Release(r.Context(), v.Caller.Client(), v.Namespace, endpoint.Name, generation); err != nil {
		return err
	}
	return s.done(w, r, v, endpoint, "released what the safety brake holds, generation "+strconv.FormatInt(generation, 10), "/"+v.Namespace+"/", "release")
}

package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/listing"
	"rservice.dev/scim-operator/console/story"
)

// overviewView is the state of a tenant on one page.
type overviewView struct {
	Namespace string
	Endpoints []endpointView
	// Numbers are how many there are of what the visitor may see.
	Numbers []numberView
	Errors  []errorView
	Rules   []ruleRow
	// Hidden are what the visitor may not see.
	Hidden []string
	// Counted says that users and groups were looked at, so that no errors means that there are none.
	Counted bool
}

type numberView struct {
	What, Address string
	Count         int
	Bad           bool
}

// errorView is a reason that users or groups have.
type errorView struct {
	Reason        string
	Tone          string
	Remedy        string
	Users, Groups int
	UsersAddress  string
	GroupsAddress string
}

// endpointView is a connection, without its token.
type endpointView struct {
	*v1alpha1.ScimEndpoint
	Address string
	// Wrong are conditions that are not as they should be.
	Wrong []problemView
	// Held is what the brake holds and can be released.
	Held       *v1alpha1.HeldPersons
	MayRelease bool
	Refusal    *v1alpha1.Refusal
}

// problemView is a condition with what to do about it.
type problemView struct {
	metav1.Condition
	Tone   string
	Remedy *story.Remedy
}

func (s *server) overview(w http.ResponseWriter, r *http.Request, v *visit) error {
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return err
	}
	view := &overviewView{Namespace: v.Namespace}
	for _, part := range []struct {
		what string
		read func(*http.Request, *visit, client.Reader, *overviewView) error
	}{{"the connection", readEndpoints}, {"users", s.readUsers}, {"groups", s.readGroups}, {"persons", s.readPersons}, {"automation rules", readRules}} {
		err := part.read(r, v, reader, view)
		if apierrors.IsForbidden(err) {
			view.Hidden = append(view.Hidden, part.what)
			continue
		}
		if err != nil {
			return err
		}
	}
	slices.SortStableFunc(view.Errors, func(a, b errorView) int { return cmp.Compare(b.Users+b.Groups, a.Users+a.Groups) })
	p := s.newPage(r, v, "Overview")
	p.Section, p.Content, p.Live, p.Done = "overview", view, liveAt(v.Namespace, view.live()...), doneText(r)
	return s.render(w, http.StatusOK, "overview", p)
}

// live are the kinds that the page shows.
func (o *overviewView) live() []string {
	var kinds []string
	for what, kind := range map[string]string{"the connection": "endpoints", "users": "users", "groups": "groups", "automation rules": "rules"} {
		if !slices.Contains(o.Hidden, what) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

func readEndpoints(r *http.Request, v *visit, reader client.Reader, view *overviewView) error {
	list := &v1alpha1.ScimEndpointList{}
	if err := reader.List(r.Context(), list, client.InNamespace(v.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range list.Items {
		endpoint := &list.Items[i]
		one := endpointView{ScimEndpoint: endpoint, Address: endpoint.Spec.PublicURL}
		for _, condition := range endpoint.Status.Conditions {
			if isWrong(condition) {
				one.Wrong = append(one.Wrong, newProblemView(condition, story.Names{Namespace: v.Namespace, Endpoint: endpoint.Name}))
			}
		}
		if held := endpoint.Status.Held; held != nil && held.Count > 0 && held.Generation > held.ReleasedGeneration {
			one.Held = held
			var err error
			if one.MayRelease, err = v.may(r, "patch", "scimendpoints", endpoint.Name); err != nil {
				return err
			}
		}
		if len(endpoint.Status.Refusals) > 0 {
			one.Refusal = &endpoint.Status.Refusals[0]
		}
		view.Endpoints = append(view.Endpoints, one)
	}
	slices.SortFunc(view.Endpoints, func(a, b endpointView) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// isWrong reports whether a condition is one to look at: Ready and SubjectsHealthy that are not True, and any other that is.
func isWrong(c metav1.Condition) bool {
	if c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionSubjectsHealthy {
		return c.Status != metav1.ConditionTrue
	}
	return c.Status == metav1.ConditionTrue && c.Type != v1alpha1.ConditionReconciling && c.Type != v1alpha1.ConditionStalled
}

func newProblemView(c metav1.Condition, names story.Names) problemView {
	p := problemView{Condition: c, Tone: toneOf(c.Reason)}
	if remedy, ok := story.RemedyFor(c.Reason, names); ok {
		p.Remedy = &remedy
	}
	return p
}

func (s *server) readUsers(r *http.Request, v *visit, reader client.Reader, view *overviewView) error {
	n, err := s.numbers.Users(r.Context(), reader, v.Namespace)
	if err != nil {
		return err
	}
	view.Counted = true
	view.Numbers = append(view.Numbers, numberView{What: plural(n.Total, "user", "users"), Address: "users", Count: n.Total})
	view.countErrors(n.Reasons, func(e *errorView, count int) { e.Users += count })
	return nil
}

func (s *server) readGroups(r *http.Request, v *visit, reader client.Reader, view *overviewView) error {
	n, err := s.numbers.Groups(r.Context(), reader, v.Namespace)
	if err != nil {
		return err
	}
	view.Numbers = append(view.Numbers, numberView{What: plural(n.Total, "group", "groups"), Address: "groups", Count: n.Total})
	view.countErrors(n.Reasons, func(e *errorView, count int) { e.Groups += count })
	return nil
}

func (s *server) readPersons(r *http.Request, v *visit, reader client.Reader, view *overviewView) error {
	n, err := s.numbers.Persons(r.Context(), reader, v.Namespace)
	if err == nil {
		view.Numbers = append(view.Numbers, numberView{What: plural(n.Total, "person", "persons"), Address: "persons", Count: n.Total})
	}
	return err
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// countErrors adds reasons of users or groups.
func (o *overviewView) countErrors(counts []listing.Count, add func(*errorView, int)) {
	for _, count := range counts {
		i := slices.IndexFunc(o.Errors, func(e errorView) bool { return e.Reason == count.Reason })
		if i < 0 {
			query := "?reason=" + url.QueryEscape(count.Reason)
			e := errorView{Reason: count.Reason, Tone: toneOf(count.Reason), UsersAddress: "users" + query, GroupsAddress: "groups" + query}
			if remedy, ok := story.RemedyFor(count.Reason, story.Names{Namespace: o.Namespace}); ok {
				e.Remedy = remedy.Text
			}
			i = len(o.Errors)
			o.Errors = append(o.Errors, e)
		}
		add(&o.Errors[i], count.Count)
	}
}

func readRules(r *http.Request, v *visit, reader client.Reader, view *overviewView) error {
	rules, err := rulesInOrder(r, v, reader)
	view.Rules = rules
	return err
}

package pages

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/action"
	"rservice.dev/scim-operator/console/draft"
)

// newRule stands in addresses for the name of a rule that there is not yet; no object can be called so.
const newRule = "-"

// beginning is what a new rule begins with.
const beginning = `apiVersion: provisioning.rservice.dev/v1alpha1
kind: AutomationRule
metadata:
  name: my-rule
spec:
  description: What it is for, for whoever reads it next.
  subject: ScimUser
  position: 100
  condition: user.userType == "Contractor"
  update:
    kind: Person
    match: {primaryEmail: user.userName}
    set:
      - {field: jobTitle, value: '?user.title'}
`

// editorView is a rule that somebody edits.
type editorView struct {
	Namespace, Name string
	// Base is the address of the editor, Back that of the page before.
	Base, Back string
	New        bool
	// Text is the rule as it is written now, From as it was when that began.
	Text, From string
	// Generation and UID say which state that was.
	Generation int64
	UID        types.UID
	// Owner keeps the rule somewhere else, so that it is not applied here. Kubectls have written it and lose it to the console.
	Owner    *draft.Owner
	Kubectls []string
	// Stale says that the rule has changed since somebody began to edit it, and Since what.
	Stale bool
	Since []draft.Line
	// Refused is what the API server says against it, and Conflicts whose fields it would change.
	Refused   string
	Conflicts []action.Conflict
	// Unseen says that it was not applied because its consequences had not been shown.
	Unseen bool
	// Result is nil before the first check.
	Result *draft.Result
	// Uncounted says why nothing was counted, "" where it was.
	Uncounted string
	// Diff is from the rule that is stored to the one that is written, Source the latter as it would be kept in Git.
	Diff   []draft.Line
	Source string
	// Asked says that the API server was asked, too.
	Asked bool
	// Checked proves that this text was checked, for the button that applies it; "" where there is none.
	Checked string

	stored *v1alpha1.AutomationRule
	parsed *draft.Text
}

// edited reads the rule of the address, of which the visitor has to have the right to change it.
func (s *server) edited(r *http.Request, v *visit) (*editorView, error) {
	view := &editorView{Namespace: v.Namespace, Name: r.PathValue("name")}
	view.Base = address(v.Namespace, "rules", view.Name)
	if view.Name == newRule {
		view.New, view.Name, view.Back = true, "", "/"+v.Namespace+"/rules"
		allowed, err := v.may(r, "create", "automationrules", "")
		if err == nil && !allowed {
			err = apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("automationrules").GroupResource(), "", fmt.Errorf("%s may not create one", v.Caller.User().Username))
		}
		return view, err
	}
	view.Back = view.Base
	if err := v.must(r, "patch", "automationrules"); err != nil {
		return nil, err
	}
	view.stored = &v1alpha1.AutomationRule{}
	if err := v.read(r, view.stored); err != nil {
		return nil, err
	}
	view.Generation, view.UID = view.stored.Generation, view.stored.UID
	view.Owner, view.Kubectls = draft.OwnerOf(view.stored), draft.Kubectls(view.stored)
	return view, nil
}

// edit shows the editor.
func (s *server) edit(w http.ResponseWriter, r *http.Request, v *visit) error {
	view, err := s.edited(r, v)
	if err != nil {
		return err
	}
	view.Text = beginning
	if view.stored != nil {
		if view.Text, err = draft.Source(view.stored); err != nil {
			return err
		}
	}
	view.From = view.Text
	return s.showEditor(w, r, v, view, http.StatusOK)
}

// check shows the editor with what the rule in the form would do. While somebody types the API server is not asked.
func (s *server) check(w http.ResponseWriter, r *http.Request, v *visit) error {
	view, err := s.edited(r, v)
	if err != nil {
		return err
	}
	if err := s.checkText(r, v, view, r.PostForm.Get("typing") == ""); err != nil {
		return err
	}
	return s.showEditor(w, r, v, view, http.StatusOK)
}

func (s *server) showEditor(w http.ResponseWriter, r *http.Request, v *visit, view *editorView, status int) error {
	title := "New automation rule"
	if !view.New {
		title = "Edit " + view.Name
	}
	p := s.newPage(r, v, title)
	p.Section, p.Content = "rules", view
	return s.render(w, status, "editor", p)
}

// checkText checks the text of the form against the rule as it is now.
func (s *server) checkText(r *http.Request, v *visit, view *editorView, ask bool) error {
	view.Text, view.From = lines(r.PostForm.Get("text")), lines(r.PostForm.Get("from"))
	now := ""
	if view.stored != nil {
		var err error
		if now, err = draft.Source(view.stored); err != nil {
			return err
		}
		if r.PostForm.Get("uid") != string(view.UID) || r.PostForm.Get("generation") != strconv.FormatInt(view.Generation, 10) {
			view.Stale, view.Since = true, draft.Diff(view.From, now)
			view.From = now
		}
	}
	view.parsed = draft.Parse(view.Text, v.Namespace, view.Name)
	result, err := s.checker.Check(r.Context(), v.Caller.User().Username, draft.Change{Text: view.parsed, Stored: view.stored, Reader: v.previewed})
	switch {
	case errors.Is(err, draft.ErrBusy):
		return &Notice{Status: http.StatusTooManyRequests, Title: "Not checked: other checks are under way", Text: "One person's rules are checked one at a time, and so are everybody's consequences. Go back and check again in some seconds."}
	case err != nil:
		return err
	}
	view.Result = result
	if result.Uncounted != nil {
		view.Uncounted = whyUncounted(result.Uncounted)
	}
	if view.parsed.Rule != nil {
		if view.Source, err = draft.Source(view.parsed.Rule); err != nil {
			return err
		}
		view.Diff = draft.Diff(now, view.Source)
	}
	if !view.appliable() {
		return nil
	}
	if ask {
		view.Asked = true
		if err := action.TryRule(r.Context(), v.Caller.Client(), view.stored, view.parsed.Rule); err != nil {
			return view.refuse(err)
		}
	}
	view.Checked = view.proof(v)
	return nil
}

// appliable reports whether the rule could be applied: it would run, or is switched off, makes a difference, and is nobody else's.
func (e *editorView) appliable() bool {
	if e.Owner != nil || e.parsed.Rule == nil || len(e.parsed.Faults) > 0 || len(e.Diff) == 0 {
		return false
	}
	return e.Result.Runs() || e.parsed.Rule.Spec.Disabled
}

// refuse takes in what the API server says against the rule. Other errors it returns.
func (e *editorView) refuse(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Code >= http.StatusInternalServerError {
		return err
	}
	e.Checked = ""
	if e.Conflicts = action.Conflicts(err); len(e.Conflicts) == 0 {
		e.Refused = sentence(status)
	}
	return nil
}

// proof is what the button to apply holds: that this session was shown what this text does to this state of the rule.
func (e *editorView) proof(v *visit) string {
	mac := hmac.New(sha256.New, v.Key)
	fmt.Fprintf(mac, "checked rule\x00%s\x00%s\x00%s\x00%d\x00%s", v.Namespace, e.Name, e.UID, e.Generation, e.Text)
	return hex.EncodeToString(mac.Sum(nil))
}

// lines are a text as browsers send it, with the ends of lines that others write.
func lines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// apply applies a rule whose consequences were shown.
func (s *server) apply(w http.ResponseWriter, r *http.Request, v *visit) error {
	view, err := s.edited(r, v)
	if err != nil {
		return err
	}
	if view.Owner != nil {
		return &Notice{
			Status: http.StatusForbidden, Title: "Nothing was done: the rule is kept by " + view.Owner.Tool,
			Text:  view.Owner.Tool + " would put back what is changed here. Change the rule where it is kept; the editor shows the YAML and what differs.",
			Links: []Link{{Text: "Editor", Address: view.Base + "/edit"}},
		}
	}
	view.Text = lines(r.PostForm.Get("text"))
	if !hmac.Equal([]byte(r.PostForm.Get("checked")), []byte(view.proof(v))) {
		if err := s.checkText(r, v, view, true); err != nil {
			return err
		}
		view.Unseen = !view.Stale
		return s.showEditor(w, r, v, view, http.StatusConflict)
	}
	rule := draft.Parse(view.Text, v.Namespace, view.Name).Rule
	err = action.ApplyRule(r.Context(), v.Caller.Client(), view.stored, rule, view.Kubectls)
	if err != nil {
		return s.notApplied(w, r, v, view, err)
	}
	return s.done(w, r, v, rule, fmt.Sprintf("applied generation %d of the rule", rule.Generation), address(v.Namespace, "rules", rule.Name), "apply")
}

// notApplied shows why, with the text that somebody wrote.
func (s *server) notApplied(w http.ResponseWriter, r *http.Request, v *visit, view *editorView, err error) error {
	refused := err
	if _, stale := errors.AsType[*action.StaleError](err); stale {
		if view, err = s.edited(r, v); err != nil {
			return err
		}
		refused = nil
	}
	if err := s.checkText(r, v, view, false); err != nil {
		return err
	}
	status := http.StatusConflict
	if refused != nil {
		if err := view.refuse(refused); err != nil {
			return err
		}
		if len(view.Conflicts) == 0 && !apierrors.IsConflict(refused) && !apierrors.IsAlreadyExists(refused) {
			status = http.StatusUnprocessableEntity
		}
	}
	return s.showEditor(w, r, v, view, status)
}

// SubjectSection is the part of the addresses of the rule's subjects.
func (e *editorView) SubjectSection() string {
	if e.parsed != nil && e.parsed.Rule != nil && e.parsed.Rule.Spec.Subject == v1alpha1.SubjectScimGroup {
		return "groups"
	}
	return "users"
}

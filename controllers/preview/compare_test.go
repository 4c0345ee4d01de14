package preview_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rules"
)

const always = "true || user.active"

// compareTests change a rule for eight users, four of them contractors, who have the
// Persons that the default rule makes.
var compareTests = map[string]struct {
	// change adds to the default rule, or replaces it where its name is the default's.
	change func() *v1alpha1.AutomationRule
	// others run before and after the change, besides the default rule.
	others  func() []*v1alpha1.AutomationRule
	prepare func(o *tenant)
	want    []string
}{
	"a rule that changes some": {
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 20, `user.userType == "Contractor"`, `    set: [{field: jobTitle, value: '"Contractor"'}, {field: location, value: '"Outside"'}]`)
		},
		want: []string{"would change 4 of 8 persons: jobTitle 4, location 4"},
	},
	"a rule whose effect a later one undoes": {
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 20, always, `    set: [{field: jobTitle, value: '"Other"'}]`)
		},
		others: func() []*v1alpha1.AutomationRule {
			return []*v1alpha1.AutomationRule{userRule("later", 30, `user.userType == "Employee"`, `    set: [{field: jobTitle, value: user.title}]`)}
		},
		want: []string{"would change 4 of 8 persons: jobTitle 4"},
	},
	"a rule that runs before the others": {
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 5, always, `    set: [{field: jobTitle, value: '"Other"'}, {field: location, value: '"Here"'}]`)
		},
		want: []string{"would change 8 of 8 persons: location 8"},
	},
	"what happens anyway does not count": {
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 20, always, `    set: [{field: location, value: '"Here"'}]`)
		},
		prepare: func(o *tenant) { o.objects[0].(*v1alpha1.ScimUser).Spec.Title = "Boss" },
		want:    []string{"would change 8 of 8 persons: location 8"},
	},
	"what already is so does not count": {
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 20, always, `    set: [{field: location, value: '"Here"'}]`)
		},
		prepare: func(o *tenant) { o.objects[1].(*v1alpha1.Person).Spec.Location = "Here" },
		want:    []string{"would change 7 of 8 persons: location 7"},
	},
	"a rule that disables": {
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 20, `user.userType == "Contractor"`, `    set: [{field: disabled, value: 'true'}]`)
		},
		want: []string{"would change 4 of 8 persons; disable 4"},
	},
	"a rule that enables those whose user is not active": {
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 20, always, `    set: [{field: disabled, value: 'false'}]`)
		},
		prepare: func(o *tenant) {
			o.objects[0].(*v1alpha1.ScimUser).Spec.Active = new(false)
			o.objects[1].(*v1alpha1.Person).Spec.Disabled = true
		},
		want: []string{"would change 1 of 8 persons; enable 1"},
	},
	"a rule that no longer decides about disabled leaves inactive users to the controllers": {
		change: func() *v1alpha1.AutomationRule {
			rule := defaultRule()
			rule.Spec.Update.Set = []v1alpha1.FieldAssignment{{Field: "jobTitle", Value: `"Other"`}}
			return rule
		},
		prepare: func(o *tenant) {
			for i := range 4 {
				o.objects[4*i].(*v1alpha1.ScimUser).Spec.Active = new(false)
			}
		},
		want: []string{"would change 8 of 8 persons: jobTitle 8"},
	},
	"new persons are counted by themselves": {
		change: func() *v1alpha1.AutomationRule {
			rule := defaultRule()
			rule.Spec.Condition = ""
			rule.Spec.Update.Set = append(rule.Spec.Update.Set, v1alpha1.FieldAssignment{Field: "customFields.x", Value: "user.title"})
			return rule
		},
		prepare: func(o *tenant) {
			nameless := user(50, "")
			nameless.Spec.DisplayName = ""
			o.add(nameless)
		},
		want: []string{"would change 8 of 8 persons: customFields.x 8; create 1 person"},
	},
	"two users that get one address": {
		change: func() *v1alpha1.AutomationRule {
			rule := defaultRule()
			rule.Spec.Expressions[0].Value = `user.userType == "New" ? "one@example.com" : user.userName`
			return rule
		},
		prepare: func(o *tenant) { o.add(user(50, "New"), user(51, "New"), user(52, "New")) },
		want: []string{
			"would fail for 2 users: PrimaryEmailTaken 2",
			"PrimaryEmailTaken for 2 users: rule default-user-mapping: the Person with this primaryEmail is linked to another ScimUser, user-50; deactivate or change one of the two",
		},
	},
	"two users that get two spellings of one address": {
		change: func() *v1alpha1.AutomationRule {
			rule := defaultRule()
			rule.Spec.Expressions[0].Value = `user.userType != "New" ? user.userName : user.userName == "user-50@example.com" ? "one@bücher.example" : "ＯＮＥ@xn--bcher-kva.example"`
			return rule
		},
		prepare: func(o *tenant) { o.add(user(50, "New"), user(51, "New")) },
		want: []string{
			"would fail for 1 user: PrimaryEmailTaken 1",
			"PrimaryEmailTaken for 1 user: rule default-user-mapping: the Person with this primaryEmail is linked to another ScimUser, user-50; deactivate or change one of the two",
		},
	},
	"an address that becomes free for a later user": {
		change: func() *v1alpha1.AutomationRule {
			rule := defaultRule()
			rule.Spec.Expressions[0].Value = `user.userName == "user-00@example.com" ? "moved@example.com" : user.userType == "New" ? "user-00@example.com" : user.userName`
			return rule
		},
		prepare: func(o *tenant) { o.add(user(50, "New")) },
		want:    []string{"would change 1 of 8 persons: primaryEmail 1"},
	},
	"a rule that fails for some": {
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 20, always, `    set: [{field: jobTitle, value: 'user.userType == "Employee" ? customFields.badge : user.title'}]`)
		},
		want: []string{
			"would fail for 4 users: ExpressionError 4",
			"ExpressionError for 4 users: rule new: set[0] jobTitle, line 1, column 29: a map has no such key; write [?key] or .?key where it can be missing",
		},
	},
	"what a failing rule no longer does is not counted before it is done": {
		others: func() []*v1alpha1.AutomationRule {
			return []*v1alpha1.AutomationRule{userRule("new", 20, always, `    set: [{field: location, value: '"Here"'}]`)}
		},
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 20, always, `    set: [{field: location, value: customFields.place}]`)
		},
		want: []string{
			"would fail for 8 users: ExpressionError 8",
			"ExpressionError for 8 users: rule new: set[0] location, line 1, column 13: a map has no such key; write [?key] or .?key where it can be missing",
		},
	},
	"a rule that changes nobody": {
		change: func() *v1alpha1.AutomationRule {
			return userRule("new", 20, `user.userType == "Guest"`, `    clear: [jobTitle]`)
		},
		want: []string{"would change nothing of 8 persons"},
	},
}

func TestConsequencesAreCounted(t *testing.T) {
	for name, test := range compareTests {
		t.Run(name, func(t *testing.T) {
			o := newTenant(8)
			if test.prepare != nil {
				test.prepare(o)
			}
			before := []*v1alpha1.AutomationRule{defaultRule()}
			if test.others != nil {
				before = append(before, test.others()...)
			}
			changed := test.change()
			after := []*v1alpha1.AutomationRule{changed}
			for _, rule := range before {
				if rule.Name != changed.Name {
					after = append(after, rule)
				}
			}
			report := o.compare(t, changed.Name, compiled(t, before...), compiled(t, after...), nil)
			if diff := cmp.Diff(test.want, report.Lines("would")); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARuleThatIsDeletedChangesWhatItKept(t *testing.T) {
	o := newTenant(4)
	extra := userRule("extra", 20, always, `    set: [{field: jobTitle, value: '"Extra"'}]`)
	for i := range 4 {
		o.objects[2*i+1].(*v1alpha1.Person).Spec.JobTitle = "Extra"
	}
	report := o.compare(t, "extra", compiled(t, defaultRule(), extra), compiled(t, defaultRule()), nil)
	if diff := cmp.Diff([]string{"would change 4 of 4 persons: jobTitle 4"}, report.Lines("would")); diff != "" {
		t.Error(diff)
	}
	if report.Reached != 0 {
		t.Errorf("a rule that is gone reached %d", report.Reached)
	}
}

func TestTwoGroupsThatGetOneSite(t *testing.T) {
	rule := manifest(`
metadata: {name: sites}
spec:
  subject: ScimGroup
  position: 10
  update:
    kind: Site
    match: {name: 'group.displayName == "Delft" ? "Delft" : " ｄelft "'}
    create: true
    set: [{field: remarks, value: group.displayName}]
`)
	o := &tenant{}
	for name, display := range map[string]string{"group-1": "Delft", "group-2": "Breda"} {
		o.add(&v1alpha1.ScimGroup{ObjectMeta: meta(name), Spec: v1alpha1.ScimGroupSpec{DisplayName: display}})
	}
	report, err := preview.Compare(t.Context(), directory.NewObjectWorld(namespace, o.objects...), preview.Comparison{
		Kind: v1alpha1.SubjectScimGroup, Rule: "sites", After: compiled(t, rule),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Failures) != 1 || report.Failures[0].Reason != v1alpha1.ReasonConflict || report.Failures[0].Subjects != 1 {
		t.Errorf("%v", report.Lines("would"))
	}
}

func TestEachDifferenceIsShown(t *testing.T) {
	o := newTenant(2)
	o.add(user(50, "Contractor"))
	rule := userRule("new", 20, `user.userType == "Contractor"`, `    set: [{field: jobTitle, value: '"Contractor"'}]`)
	var got []preview.Difference
	report := o.compare(t, "new", compiled(t, defaultRule()), compiled(t, defaultRule(), rule), func(d preview.Difference) { got = append(got, d) })
	want := []preview.Difference{
		{Subject: "user-00", Name: "user-00@example.com", Records: []preview.RecordDifference{{
			Kind: v1alpha1.RecordPerson, Name: "person-of-user-00",
			Changes: []v1alpha1.FieldChange{{Field: "jobTitle", From: "Engineer", To: "Contractor"}},
		}}},
		{Subject: "user-50", Name: "user-50@example.com", Records: []preview.RecordDifference{{
			Kind:    v1alpha1.RecordPerson,
			Changes: []v1alpha1.FieldChange{{Field: "jobTitle", From: "Engineer", To: "Contractor"}},
		}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if report.Reached != 2 || report.Looked != 3 || report.Subjects != 3 {
		t.Errorf("report %+v", report)
	}
}

// clockwork is a context whose deadline passes when the test says so.
type clockwork struct {
	context.Context //nolint:containedctx // it is one
	over            bool
}

func (c *clockwork) Err() error {
	if c.over {
		return context.DeadlineExceeded
	}
	return c.Context.Err()
}

// slow is a world in which the time is over when some subjects have been looked at.
type slow struct {
	preview.World
	after int
	clock *clockwork
}

func (s slow) Inputs(ctx context.Context, kind v1alpha1.SubjectKind) (int, iter.Seq2[rules.Input, error], error) {
	total, inputs, err := s.World.Inputs(ctx, kind)
	return total, func(yield func(rules.Input, error) bool) {
		given := 0
		for in, err := range inputs {
			s.clock.over = given == s.after
			given++
			if !yield(in, err) {
				return
			}
		}
	}, err
}

func TestWhenTheTimeIsOverTheReportSaysSo(t *testing.T) {
	ctx := &clockwork{Context: t.Context()}
	world := slow{World: directory.NewObjectWorld(namespace, newTenant(8).objects...), after: 5, clock: ctx}
	rule := userRule("new", 20, always, `    set: [{field: jobTitle, value: '"Other"'}]`)
	report, err := preview.Compare(ctx, world, preview.Comparison{
		Kind: v1alpha1.SubjectScimUser, Rule: "new", Before: compiled(t, defaultRule()), After: compiled(t, defaultRule(), rule),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"after looking at 5 of 8 users in the time there is: would change 5 of 5 persons: jobTitle 5"}
	if diff := cmp.Diff(want, report.Lines("would")); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedLookUpIsAnError(t *testing.T) {
	world := failing{directory.NewObjectWorld(namespace, newTenant(2).objects...)}
	set := compiled(t, defaultRule())
	_, err := preview.Compare(t.Context(), world, preview.Comparison{Kind: v1alpha1.SubjectScimUser, Before: set, After: set})
	if !errors.Is(err, errLookUp) {
		t.Errorf("error %v", err)
	}
}

var errLookUp = errors.New("no look-up")

type failing struct{ preview.World }

func (failing) PersonBySource(context.Context, string) (*v1alpha1.Person, error) {
	return nil, errLookUp
}

func TestTheFirstRuleChangesNoMoreThanItSets(t *testing.T) {
	rule := userRule("new", 20, always, `    set: [{field: location, value: '"Here"'}]`)
	o := newTenant(3)
	o.objects[1].(*v1alpha1.Person).Spec.Disabled = true
	report := o.compare(t, "new", nil, compiled(t, rule), nil)
	if diff := cmp.Diff([]string{"would change 3 of 3 persons: location 3"}, report.Lines("would")); diff != "" {
		t.Error(diff)
	}
}

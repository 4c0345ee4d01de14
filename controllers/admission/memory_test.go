package admission

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rules"
)

const tenant = "acme"

// folder is a tenant whose rules Git has, and what asking about them costs.
type folder struct {
	*validator
	clock *testingclock.FakePassiveClock
	rules []*v1alpha1.AutomationRule
	// planned counts the subjects that were planned.
	planned int
	// meanwhile is called while subjects are planned.
	meanwhile func()
}

// newFolder makes a tenant with users and one rule.
func newFolder(users int) *folder {
	f := &folder{clock: testingclock.NewFakePassiveClock(start), rules: []*v1alpha1.AutomationRule{titles("titles", "user.title")}, meanwhile: func() {}}
	var objects []client.Object
	for i := range users {
		user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: fmt.Sprintf("user-%06d", i)}}
		user.Spec = v1alpha1.ScimUserSpec{UserName: fmt.Sprintf("user-%d@example.com", i), Title: "Engineer", Active: new(true)}
		person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: fmt.Sprintf("person-%06d", i)}}
		person.Spec = v1alpha1.PersonSpec{Name: "A", PrimaryEmail: user.Spec.UserName, JobTitle: "Engineer", Source: v1alpha1.SourceSCIM, SourceID: user.Name}
		objects = append(objects, user, person)
	}
	world := directory.NewObjectWorld(tenant, objects...)
	f.validator = newValidator(nil, nil, newMemory(f.clock, newChanges()))
	f.validator.rules = func(context.Context, string) ([]*v1alpha1.AutomationRule, error) { return slices.Clone(f.rules), nil }
	f.world = func(string) preview.World { return counting{world, f} }
	f.outlook = func(ctx context.Context, namespace string) (*brake.Outlook, error) {
		return brake.NewOutlook(ctx, directory.NewObjects(objects...), namespace, f.clock.Now())
	}
	return f
}

// counting counts the subjects that are planned.
type counting struct {
	preview.World
	folder *folder
}

func (c counting) Inputs(ctx context.Context, kind v1alpha1.SubjectKind) (int, iter.Seq2[rules.Input, error], error) {
	total, inputs, err := c.World.Inputs(ctx, kind)
	return total, func(yield func(rules.Input, error) bool) {
		for in, err := range inputs {
			c.folder.planned++
			c.folder.meanwhile()
			if !yield(in, err) {
				return
			}
		}
	}, err
}

func titles(name, value string) *v1alpha1.AutomationRule {
	return &v1alpha1.AutomationRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: name, UID: types.UID(name), Generation: 1},
		Spec: v1alpha1.AutomationRuleSpec{
			Subject: v1alpha1.SubjectScimUser, Position: new(int32(10)),
			Update: v1alpha1.RuleUpdate{
				Kind: v1alpha1.RecordPerson, Match: map[string]v1alpha1.MatchExpression{"primaryEmail": "user.userName"},
				Set: []v1alpha1.FieldAssignment{{Field: "jobTitle", Value: value}},
			},
		},
	}
}

// apply asks about the folder's rule with another value, and gives the last line of the
// answer and how many subjects were planned for it.
func (f *folder) apply(t *testing.T, value string) (string, int) {
	t.Helper()
	before := f.planned
	lines, err := f.ValidateUpdate(t.Context(), titles("titles", "user.title"), titles("titles", value))
	if err != nil || len(lines) == 0 {
		t.Fatalf("lines %q, error %v", lines, err)
	}
	return lines[len(lines)-1], f.planned - before
}

// happen counts as a change of something in the tenant.
func (f *folder) happen() {
	f.memory.changes.count(nil, &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: tenant}})
}

const users = 1500

// TestAFolderThatIsRefusedCostsOneCount replays Flux, which asks about a changed rule at
// each interval for as long as another object of its folder is refused.
func TestAFolderThatIsRefusedCostsOneCount(t *testing.T) {
	f := newFolder(users)
	const answer = "will change 1,500 of 1,500 persons: jobTitle 1,500"
	for interval := range 10 {
		line, planned := f.apply(t, `"Agent"`)
		if line != answer || (planned != 0) != (interval == 0) {
			t.Fatalf("interval %d: %q, planned %d", interval, line, planned)
		}
		f.clock.SetTime(f.clock.Now().Add(10 * time.Minute))
	}
	if f.planned != users {
		t.Errorf("planned %d subjects in 10 intervals", f.planned)
	}
}

// TestAnAnswerHoldsWhileWhatItIsAboutIsTheSame goes through what can change.
func TestAnAnswerHoldsWhileWhatItIsAboutIsTheSame(t *testing.T) {
	f := newFolder(users)
	f.apply(t, `"Agent"`)
	expect := func(what, line string, planned int) {
		t.Helper()
		if got, n := f.apply(t, `"Agent"`); n != planned || !strings.HasPrefix(got, line) {
			t.Errorf("%s: %q, planned %d", what, got, n)
		}
	}
	if _, planned := f.apply(t, `"Chief"`); planned != users {
		t.Errorf("another value: planned %d", planned)
	}
	expect("the same again", "will change", 0)

	f.happen()
	f.clock.SetTime(f.clock.Now().Add(80 * time.Second))
	expect("a user has changed", "as counted 1m20s ago: will change", 0)
	f.clock.SetTime(f.clock.Now().Add(users*agePerSubject - 80*time.Second))
	expect("it was long ago", "will change", users)
	expect("it was counted again", "will change", 0)

	f.rules = append(f.rules, titles("others", `"Boss"`))
	expect("another rule is there", "will change", users)
	f.rules[1].Generation++
	expect("another rule has changed", "will change", users)
	f.rules[0], f.rules[1] = f.rules[1], f.rules[0]
	expect("the cache lists in another order", "will change", 0)
	f.rules[0].DeletionTimestamp = new(metav1.Now())
	expect("another rule goes", "will change", users)
}

// TestWhatChangesWhileItIsCountedCounts: such an answer is about what was before.
func TestWhatChangesWhileItIsCountedCounts(t *testing.T) {
	f := newFolder(users)
	f.meanwhile = f.happen
	f.apply(t, `"Agent"`)
	f.meanwhile = func() {}
	f.clock.SetTime(f.clock.Now().Add(time.Second))
	if line, planned := f.apply(t, `"Agent"`); planned != 0 || !strings.HasPrefix(line, "as counted 1s ago") {
		t.Errorf("%q, planned %d", line, planned)
	}
}

// TestASmallTenantIsCountedAnew: there it costs nothing.
func TestASmallTenantIsCountedAnew(t *testing.T) {
	f := newFolder(10)
	f.apply(t, `"Agent"`)
	f.happen()
	f.clock.SetTime(f.clock.Now().Add(time.Second))
	if line, planned := f.apply(t, `"Agent"`); planned != 10 || !strings.HasPrefix(line, "will change") {
		t.Errorf("%q, planned %d", line, planned)
	}
}

// part is what is said of the folder's rule when there was time to look at some users only.
func (f *folder) part(t *testing.T, total, looked int) (question, *answer) {
	t.Helper()
	given := f.memory.begin(tenant)
	given.report = &preview.Report{Subjects: total, Looked: looked, Kind: v1alpha1.SubjectScimUser}
	asked, err := ask(titles("titles", "user.title"), titles("titles", `"Agent"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return asked, given
}

// TestWhatThereWasNoTimeForIsCountedLater: what is not complete is kept for as long as it cost, and for minutes at most.
func TestWhatThereWasNoTimeForIsCountedLater(t *testing.T) {
	for name, test := range map[string]struct {
		total, looked int
		kept          time.Duration
	}{
		"half of them":            {users, users / 2, users / 2 * agePerSubject},
		"nobody":                  {users, 0, minPartAge},
		"nearly all of very many": {1_000_000, 999_999, maxPartAge},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(users)
			asked, part := f.part(t, test.total, test.looked)
			f.memory.keep(asked, part)
			f.clock.SetTime(f.clock.Now().Add(test.kept - time.Nanosecond))
			if line, planned := f.apply(t, `"Agent"`); planned != 0 || !strings.Contains(line, "after looking at") {
				t.Errorf("before: %q, planned %d", line, planned)
			}
			f.clock.SetTime(f.clock.Now().Add(time.Nanosecond))
			if line, planned := f.apply(t, `"Agent"`); planned != users {
				t.Errorf("after: %q, planned %d", line, planned)
			}
		})
	}
}

// TestWhatIsCompleteIsPreferred: an outdated number is better than a part of a new one, for an hour.
func TestWhatIsCompleteIsPreferred(t *testing.T) {
	f := newFolder(users)
	f.apply(t, `"Agent"`)
	f.happen()
	f.clock.SetTime(f.clock.Now().Add(maxOutdated - time.Second))
	asked, part := f.part(t, users, users/2)
	if best, age := f.memory.keep(asked, part); !best.complete() || age != maxOutdated-time.Second {
		t.Errorf("the complete answer is not given: %+v, %s", best.report, age)
	}
	if line, planned := f.apply(t, `"Agent"`); planned != 0 || !strings.HasPrefix(line, "as counted 59m59s ago: will change 1,500 of 1,500 persons") {
		t.Errorf("it is not kept: %q, planned %d", line, planned)
	}
	f.clock.SetTime(f.clock.Now().Add(time.Second))
	if best, _ := f.memory.keep(asked, part); best != part {
		t.Errorf("it is kept for ever: %+v", best.report)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	f := newFolder(1)
	for i := range 2 * maxRemembered {
		f.apply(t, fmt.Sprintf(`"Agent %d"`, i))
		f.clock.SetTime(f.clock.Now().Add(time.Minute))
	}
	if n := len(f.memory.answers); n != maxRemembered {
		t.Errorf("%d answers are kept", n)
	}
	if _, planned := f.apply(t, fmt.Sprintf(`"Agent %d"`, 2*maxRemembered-1)); planned != 0 {
		t.Error("the newest one is forgotten")
	}
	for range 2 {
		asked, part := f.part(t, users, 1)
		asked[0]++
		f.memory.keep(asked, part)
		f.apply(t, fmt.Sprintf(`"Agent %d"`, f.planned))
	}
	if n := len(f.memory.answers); n != maxRemembered {
		t.Errorf("%d answers are kept", n)
	}
	for _, kept := range f.memory.answers {
		if !kept.complete() {
			t.Error("what is not complete is kept rather than what is")
		}
	}
}

package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestNextRetention(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	at := func(after time.Duration) v1alpha1.Timestamp { return v1alpha1.NewTimestamp(now.Add(after)) }
	running := v1alpha1.RetentionStatus{Days: 30, StartsAt: at(-10 * day), Due: 7, DayStartedAt: at(-time.Hour), DeletedInDay: 10}
	for name, test := range map[string]struct {
		previous *v1alpha1.RetentionStatus
		days     int32
		want     v1alpha1.RetentionStatus
	}{
		"switched on":      {nil, 30, v1alpha1.RetentionStatus{Days: 30, StartsAt: at(day), DayStartedAt: at(0)}},
		"as it was":        {&running, 30, running},
		"longer, at once":  {&running, 60, v1alpha1.RetentionStatus{Days: 60, StartsAt: at(-10 * day), Due: 7, DayStartedAt: at(-time.Hour), DeletedInDay: 10}},
		"shorter, delayed": {&running, 7, v1alpha1.RetentionStatus{Days: 7, StartsAt: at(day), Due: 7, DayStartedAt: at(-time.Hour), DeletedInDay: 10}},
		"the next day": {
			&v1alpha1.RetentionStatus{Days: 30, StartsAt: at(-10 * day), DayStartedAt: at(-day), DeletedInDay: 10}, 30,
			v1alpha1.RetentionStatus{Days: 30, StartsAt: at(-10 * day), DayStartedAt: at(0)},
		},
		"after a clock that was ahead": {
			&v1alpha1.RetentionStatus{Days: 30, StartsAt: at(1000 * day), DayStartedAt: at(999 * day), DeletedInDay: 10}, 30,
			v1alpha1.RetentionStatus{Days: 30, StartsAt: at(day), DayStartedAt: at(0), DeletedInDay: 10},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, nextRetention(test.previous, test.days, now)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDisabledByUs(t *testing.T) {
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Time: new(metav1.NewTime(time.Unix(1, 0))), FieldsV1: metav1.NewFieldsV1(fields)}
	}
	const disabled, name = `{"f:spec":{"f:disabled":{}}}`, `{"f:spec":{"f:name":{}}}`
	update, apply := metav1.ManagedFieldsOperationUpdate, metav1.ManagedFieldsOperationApply
	for what, test := range map[string]struct {
		entries []metav1.ManagedFieldsEntry
		want    bool
	}{
		"by a rule":              {[]metav1.ManagedFieldsEntry{entry("automationrule/x", update, disabled), entry("kubectl-edit", update, name)}, true},
		"by the operator":        {[]metav1.ManagedFieldsEntry{entry("scim-operator", update, disabled)}, true},
		"by hand":                {[]metav1.ManagedFieldsEntry{entry("automationrule/x", update, name), entry("kubectl-edit", update, disabled)}, false},
		"by both":                {[]metav1.ManagedFieldsEntry{entry("automationrule/x", update, disabled), entry("flux", apply, disabled)}, false},
		"applied in our name":    {[]metav1.ManagedFieldsEntry{entry("automationrule/x", apply, disabled)}, false},
		"by nobody that is told": {nil, false},
	} {
		t.Run(what, func(t *testing.T) {
			if _, ours := disabledByUs(&v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{ManagedFields: test.entries}}); ours != test.want {
				t.Errorf("ours is %v", ours)
			}
		})
	}
}

func TestLeavers(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	l := &leavers{namespaces: map[string]*leaversOf{}}
	person := func(name, version string, days int, change func(*v1alpha1.Person)) *v1alpha1.Person {
		p := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, ResourceVersion: version, Annotations: map[string]string{
			v1alpha1.AnnotationDisabledAt: now.Add(-time.Duration(days) * day).Format(time.RFC3339),
		}}, Spec: v1alpha1.PersonSpec{Disabled: true, Source: v1alpha1.SourceSCIM, SourceID: "1"}}
		if change != nil {
			change(p)
		}
		return p
	}
	expect := func(step string, want ...string) {
		t.Helper()
		var names []string
		due, _ := l.before("acme", now.Add(-30*day), now)
		for _, one := range due {
			names = append(names, one.name)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	old := person("old", "1", 40, nil)
	for _, p := range []*v1alpha1.Person{
		person("new", "1", 20, nil), old, person("oldest", "1", 50, nil),
		person("active", "1", 50, func(p *v1alpha1.Person) { p.Spec.Disabled = false }),
		person("held", "1", 50, func(p *v1alpha1.Person) { p.Status.HeldGeneration = 1 }),
		person("protected", "1", 50, func(p *v1alpha1.Person) { p.Annotations[v1alpha1.AnnotationProtected] = "true" }),
		person("by-hand", "1", 50, func(p *v1alpha1.Person) { p.Spec.Source, p.Spec.SourceID = "", "" }),
	} {
		l.change(nil, p)
	}
	expect("at first", "oldest", "old")
	if _, persons := l.before("acme", now, now); persons != 7 {
		t.Errorf("%d Persons", persons)
	}
	due, _ := l.before("acme", now.Add(-30*day), now)
	l.putAside("acme", due[0], now.Add(day))
	expect("one is not for it", "old")
	changed := person("oldest", "2", 50, nil)
	l.change(person("oldest", "1", 50, nil), changed)
	expect("it has changed", "oldest", "old")
	l.putAside("acme", due[0], now.Add(day))
	expect("it was looked at before it changed", "oldest", "old")
	l.change(old, nil)
	expect("one is gone", "oldest")
	for name := range l.namespaces["acme"].byName {
		l.change(person(name, "2", 50, nil), nil)
	}
	for _, enabled := range []string{"active", "held", "protected", "by-hand"} {
		l.change(person(enabled, "1", 50, func(p *v1alpha1.Person) { p.Spec.Disabled = false }), nil)
	}
	expect("all are gone")
	l.putAside("acme", due[0], now.Add(day))
	if len(l.namespaces) != 0 {
		t.Errorf("of a namespace without Persons %v is left", l.namespaces)
	}
}

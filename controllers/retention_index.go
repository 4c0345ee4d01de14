package controllers

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// leavers are the Persons whom retention may be for, in the order in which they were disabled,
// as the cache tells of them: no pass looks at those whose time has not come.
type leavers struct {
	synced toolscache.InformerSynced

	mu         sync.Mutex
	namespaces map[string]*leaversOf
}

// leaversOf are those of one namespace.
type leaversOf struct {
	// persons is the number of all Persons.
	persons int
	byName  map[string]leaver
	// sorted holds byName, earliest first, if it is not out of date.
	sorted   []leaver
	outdated bool
}

// leaver is a disabled Person whose user may be gone or inactive.
type leaver struct {
	name string
	// since is the earliest time at which it can have been disabled.
	since time.Time
	// aside is set where a look at the API server found that it is not for retention, as it is
	// in this version, or not before that time.
	version string
	aside   time.Time
}

// newLeavers makes the index. Call it before the cache is started.
func newLeavers(ctx context.Context, c cache.Cache) (*leavers, error) {
	l := &leavers{namespaces: map[string]*leaversOf{}}
	var err error
	l.synced, err = kube.Follow(ctx, c, &v1alpha1.Person{}, l.change)
	return l, err
}

func (l *leavers) change(old, current *v1alpha1.Person) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old != nil {
		of := l.of(old.Namespace)
		of.persons--
		if _, there := of.byName[old.Name]; there {
			delete(of.byName, old.Name)
			of.outdated = true
		}
		if of.persons == 0 {
			delete(l.namespaces, old.Namespace)
		}
	}
	if current == nil {
		return
	}
	of := l.of(current.Namespace)
	of.persons++
	if mayBeRetained(current) {
		of.byName[current.Name] = leaver{name: current.Name, since: notBefore(current), version: current.ResourceVersion}
		of.outdated = true
	}
}

func (l *leavers) of(namespace string) *leaversOf {
	of := l.namespaces[namespace]
	if of == nil {
		of = &leaversOf{byName: map[string]leaver{}}
		l.namespaces[namespace] = of
	}
	return of
}

// before returns those who were disabled before a time, earliest first, and how many Persons
// the namespace has.
func (l *leavers) before(namespace string, limit, now time.Time) (due []leaver, persons int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.namespaces[namespace]
	if of == nil {
		return nil, 0
	}
	if of.outdated {
		of.sorted = of.sorted[:0]
		for _, one := range of.byName {
			of.sorted = append(of.sorted, one)
		}
		slices.SortFunc(of.sorted, func(a, b leaver) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.name, b.name)) })
		of.outdated = false
	}
	for _, one := range of.sorted {
		if !one.since.Before(limit) {
			break
		}
		if !one.aside.After(now) {
			due = append(due, one)
		}
	}
	return due, of.persons
}

// putAside keeps a Person out of what is due, unless it has changed meanwhile.
func (l *leavers) putAside(namespace string, one leaver, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.namespaces[namespace]
	if of == nil {
		return
	}
	if known, there := of.byName[one.name]; there && known.version == one.version {
		known.aside = until
		of.byName[one.name] = known
		of.outdated = true
	}
}

// mayBeRetained reports whether a Person is disabled and was pushed, and nobody keeps hands off it.
func mayBeRetained(person *v1alpha1.Person) bool {
	return person.Spec.Disabled && person.Spec.Source == v1alpha1.SourceSCIM && person.Spec.SourceID != "" &&
		!person.IsProtected() && person.Status.HeldGeneration == 0
}

// notBefore is a time before which provisioning has not disabled a Person.
func notBefore(person *v1alpha1.Person) time.Time {
	if at, ok := disabledAt(person); ok {
		return at
	}
	return person.CreationTimestamp.Time
}

func disabledAt(person *v1alpha1.Person) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, person.Annotations[v1alpha1.AnnotationDisabledAt])
	return at, err == nil
}

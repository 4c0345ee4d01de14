package controllers

import (
	"context"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

const (
	// maxLookups is how many look-ups of one kind are remembered for a subject. One with
	// more is taken to look up everything of that kind.
	maxLookups = 100
	// anyKey stands for everything of a kind.
	anyKey = ""
)

// memory remembers what the rules of one kind of subject looked up that no index of the
// cache knows, because a rule has computed it. So an object that appears, changes or goes
// has its subjects processed again. It is empty after a start: then all subjects are
// processed.
type memory struct {
	mu sync.Mutex
	// subjects are those that looked something up, made the look-ups of each one.
	subjects map[lookup]map[string]bool
	made     map[types.NamespacedName][]lookup
}

// lookup is a key that was looked up, with the index by which subjects that name it are found.
type lookup struct{ namespace, index, key string }

func newMemory() *memory {
	return &memory{subjects: map[lookup]map[string]bool{}, made: map[types.NamespacedName][]lookup{}}
}

// add remembers a look-up of a subject.
func (m *memory) add(subject, index, key string, namespace string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := types.NamespacedName{Namespace: namespace, Name: subject}
	one := lookup{namespace, index, key}
	if m.subjects[one][subject] || m.subjects[lookup{namespace, index, anyKey}][subject] {
		return
	}
	count := 0
	for _, other := range m.made[name] {
		if other.index == index {
			count++
		}
	}
	if count >= maxLookups {
		one.key = anyKey
	}
	m.made[name] = append(m.made[name], one)
	if m.subjects[one] == nil {
		m.subjects[one] = map[string]bool{}
	}
	m.subjects[one][subject] = true
}

// keep forgets all look-ups of a subject but those that were made again.
func (m *memory) keep(namespace, subject string, again map[lookup]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := types.NamespacedName{Namespace: namespace, Name: subject}
	kept := slices.DeleteFunc(m.made[name], func(one lookup) bool {
		if again[one] || (one.key == anyKey && len(again) > maxLookups) {
			return false
		}
		if delete(m.subjects[one], subject); len(m.subjects[one]) == 0 {
			delete(m.subjects, one)
		}
		return true
	})
	if len(kept) == 0 {
		delete(m.made, name)
		return
	}
	m.made[name] = kept
}

// forget drops all look-ups of a subject that is gone.
func (m *memory) forget(namespace, subject string) { m.keep(namespace, subject, nil) }

// find returns the subjects that looked up any of the keys, some of them more than once.
func (m *memory) find(namespace, index string, keys []string) []string {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []string
	for _, key := range append(slices.Clone(keys), anyKey) {
		found = slices.AppendSeq(found, maps.Keys(m.subjects[lookup{namespace, index, key}]))
	}
	return found
}

// recorder is a directory that remembers the look-ups of a subject. It does so before it
// looks, so that what appears in the meantime is not missed.
type recorder struct {
	directory
	subject string
	// indexed are the look-ups that an index of the cache knows of this subject.
	indexed map[lookup]bool
	memory  *memory
	// byOrganization and bySite are the indexes of subjects by the names that they name.
	byOrganization, bySite string
	// made are the look-ups so far.
	made map[lookup]bool
}

func (m *memory) record(d directory, input rules.Input) *recorder {
	r := &recorder{directory: d, memory: m, made: map[lookup]bool{}, indexed: map[lookup]bool{}}
	known := func(index string, keys ...string) {
		for _, key := range keys {
			r.indexed[lookup{d.namespace, index, key}] = true
		}
	}
	if group := input.Group; group != nil {
		r.subject, r.byOrganization, r.bySite = group.Name, groupByDisplayName, groupByDisplayName
		known(groupByDisplayName, fold.String(group.Spec.DisplayName))
		return r
	}
	user := input.User
	r.subject, r.byOrganization, r.bySite = user.Name, userByOrganization, userBySite
	known(userByOrganization, fold.String(organizationValue(user)))
	known(userBySite, fold.String(siteValue(user)))
	known(userByManager, fold.String(managerValue(user)))
	known(userByEmail, emailCandidates(user)...)
	return r
}

func (r *recorder) note(index, key string) {
	one := lookup{r.namespace, index, key}
	if key == "" || r.indexed[one] || r.made[one] {
		return
	}
	r.made[one] = true
	r.memory.add(r.subject, index, key, r.namespace)
}

// done forgets what the subject looked up in earlier runs only.
func (r *recorder) done() { r.memory.keep(r.namespace, r.subject, r.made) }

// OrganizationByName implements rules.Directory.
func (r *recorder) OrganizationByName(ctx context.Context, name string) (*v1alpha1.Organization, error) {
	r.note(r.byOrganization, name)
	return r.directory.OrganizationByName(ctx, name)
}

// SiteByName implements rules.Directory.
func (r *recorder) SiteByName(ctx context.Context, name string) (*v1alpha1.Site, error) {
	r.note(r.bySite, name)
	return r.directory.SiteByName(ctx, name)
}

// PersonByEmail implements rules.Directory.
func (r *recorder) PersonByEmail(ctx context.Context, email string) (*v1alpha1.Person, error) {
	r.note(userByEmail, email)
	return r.directory.PersonByEmail(ctx, email)
}

// PersonOfUser implements rules.Directory.
func (r *recorder) PersonOfUser(ctx context.Context, value string) (*v1alpha1.Person, error) {
	r.note(userByManager, fold.String(value))
	return r.directory.PersonOfUser(ctx, value)
}

package directory

import (
	"context"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/userindex"
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

// Memory remembers what the rules of one kind of subject looked up that no index of the
// cache knows, because a rule has computed it. So an object that appears, changes or goes
// has its subjects processed again. It is empty after a start: then all subjects are
// processed.
type Memory struct {
	mu sync.Mutex
	// subjects are those that looked something up, made the look-ups of each one.
	subjects map[lookup]map[string]bool
	made     map[types.NamespacedName][]lookup
}

// lookup is a key that was looked up, with the index by which subjects that name it are found.
type lookup struct{ namespace, index, key string }

// NewMemory makes a Memory of nothing.
func NewMemory() *Memory {
	return &Memory{subjects: map[lookup]map[string]bool{}, made: map[types.NamespacedName][]lookup{}}
}

// add remembers a look-up of a subject.
func (m *Memory) add(subject string, one lookup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := types.NamespacedName{Namespace: one.namespace, Name: subject}
	if m.subjects[one][subject] || m.subjects[lookup{one.namespace, one.index, anyKey}][subject] {
		return
	}
	count := 0
	for _, other := range m.made[name] {
		if other.index == one.index {
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
func (m *Memory) keep(namespace, subject string, again map[lookup]bool) {
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

// Forget drops all look-ups of a subject that is gone.
func (m *Memory) Forget(namespace, subject string) { m.keep(namespace, subject, nil) }

// Subjects returns the subjects that looked up any of the keys, some of them more than once.
func (m *Memory) Subjects(namespace, index string, keys []string) []string {
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

// Recorder is a directory that remembers the look-ups of a subject. It does so before it
// looks, so that what appears in the meantime is not missed.
type Recorder struct {
	View
	subject string
	// indexed are the look-ups that an index of the cache knows of this subject.
	indexed map[lookup]bool
	memory  *Memory
	// byOrganization and bySite are the indexes of subjects by the names that they name.
	byOrganization, bySite string
	// made are the look-ups so far.
	made map[lookup]bool
}

// Record is the directory for one run of a subject, whose look-ups are remembered. Call Done at its end.
func (m *Memory) Record(d View, input rules.Input) *Recorder {
	r := &Recorder{View: d, memory: m, made: map[lookup]bool{}, indexed: map[lookup]bool{}}
	known := func(index string, keys ...string) {
		for _, key := range keys {
			r.indexed[lookup{d.namespace, index, key}] = true
		}
	}
	if group := input.Group; group != nil {
		r.subject, r.byOrganization, r.bySite = group.Name, GroupByDisplayName, GroupByDisplayName
		known(GroupByDisplayName, fold.String(group.Spec.DisplayName))
		return r
	}
	user := input.User
	r.subject, r.byOrganization, r.bySite = user.Name, UserByOrganization, UserBySite
	known(UserByOrganization, fold.String(organizationValue(user)))
	known(UserBySite, fold.String(siteValue(user)))
	known(UserByManager, fold.String(managerValue(user)))
	known(UserByEmail, userindex.EmailCandidates(user)...)
	return r
}

func (r *Recorder) note(index, key string) {
	one := lookup{r.namespace, index, key}
	if key == "" || r.indexed[one] || r.made[one] {
		return
	}
	r.made[one] = true
	r.memory.add(r.subject, one)
}

// Done forgets what the subject looked up in earlier runs only.
func (r *Recorder) Done() { r.memory.keep(r.namespace, r.subject, r.made) }

// OrganizationByName implements rules.Directory.
func (r *Recorder) OrganizationByName(ctx context.Context, name string) (*v1alpha1.Organization, error) {
	r.note(r.byOrganization, name)
	return r.View.OrganizationByName(ctx, name)
}

// SiteByName implements rules.Directory.
func (r *Recorder) SiteByName(ctx context.Context, name string) (*v1alpha1.Site, error) {
	r.note(r.bySite, name)
	return r.View.SiteByName(ctx, name)
}

// PersonByEmail implements rules.Directory.
func (r *Recorder) PersonByEmail(ctx context.Context, email string) (*v1alpha1.Person, error) {
	r.note(UserByEmail, email)
	return r.View.PersonByEmail(ctx, email)
}

// PersonOfUser implements rules.Directory.
func (r *Recorder) PersonOfUser(ctx context.Context, value string) (*v1alpha1.Person, error) {
	r.note(UserByManager, fold.String(value))
	return r.View.PersonOfUser(ctx, value)
}
